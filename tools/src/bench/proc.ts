import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Length of a clock tick in /proc: every Linux that Node runs on counts 100 a second (USER_HZ). */
const tickMs = 10;

/** CPU time that all threads of a process have used, user and system. */
export function cpuMsOf(pid: number): number {
  return parseCpuMs(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

/** CPU time from the text of /proc/PID/stat. */
export function parseCpuMs(stat: string): number {
  const { userMs, systemMs } = parseCpuTimes(stat);
  return userMs + systemMs;
}

/** The second field of /proc/PID/stat, the command, may hold spaces and parentheses. */
function parseCpuTimes(stat: string): { userMs: number; systemMs: number } {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime and stime are fields 14 and 15 of proc(5), and the command is field 2.
  return { userMs: Number(fields[11]) * tickMs, systemMs: Number(fields[12]) * tickMs };
}

/** CPU time of all threads of a process since its start. */
export interface CpuTime {
  /** Exact where the kernel counts it for each thread, else as coarse as the others. */
  readonly micros: number;
  /** In steps of 10 ms. */
  readonly userMs: number;
  readonly systemMs: number;
}

/** Whether the kernel counts the time of each thread (CONFIG_SCHED_INFO). */
const hasThreadTimes = existsSync('/proc/self/schedstat');

/** CPU time as exactly as this kernel tells it. */
export function preciseCpuOf(pid: number): CpuTime {
  const coarse = parseCpuTimes(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  if (!hasThreadTimes) return { micros: 1000 * (coarse.userMs + coarse.systemMs), ...coarse };
  let nanos = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const file = `/proc/${pid}/task/${thread}/schedstat`;
    if (existsSync(file)) nanos += parseRunNanos(readFileSync(file, 'latin1'));
  }
  return { micros: nanos / 1000, ...coarse };
}

/** The time on a processor, the first field of a schedstat file, in nanoseconds. */
export function parseRunNanos(schedstat: string): number {
  return Number(schedstat.split(' ')[0]);
}

/** Memory of a process, in bytes. */
export interface MemoryUse {
  /** VmRSS: pages in memory, those shared with others and those of mapped files included. */
  readonly rss: number;
  /** Pages in memory, shared ones divided by those who share them. */
  readonly pss: number;
  /** The part of `pss` that no file backs, which the kernel cannot drop when memory is short. */
  readonly pssAnonymous: number;
}

/** Forgets how much memory a process has had at most, so that `peakRssOf` tells of what comes now. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/** The most that a process had in memory since `forgetPeak`, in bytes. */
export function peakRssOf(pid: number): number {
  return parseKib(readFileSync(`/proc/${pid}/status`, 'latin1'), 'VmHWM');
}

export function memoryOf(pid: number): MemoryUse {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  return {
    rss: parseKib(status, 'VmRSS'),
    pss: parseKib(rollup, 'Pss'),
    pssAnonymous: parseKib(rollup, 'Pss_Anon'),
  };
}

/** A line `Name:   123 kB`, in bytes. */
export function parseKib(text: string, name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  if (kib === undefined) throw new Error(`there is no ${name}`);
  return Number(kib) * 1024;
}
