/**
 * Placed before a command: its process computes only while nobody else wants the core. One that is just nice keeps a core
 * for milliseconds after somebody wants it (sched(7), SCHED_IDLE).
 */
export const onIdleCores = ['chrt', '--idle', '0'] as const;
