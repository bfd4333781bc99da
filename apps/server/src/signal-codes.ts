/** Exit codes of signals, as shells and etcd have them: 128 and the number of the signal. */
export const signalCodes = { SIGINT: 130, SIGTERM: 143 } as const;
