import { readFileSync } from 'node:fs';

/** Length of a clock tick in /proc: every Linux that Node runs on counts 100 a second (USER_HZ). */
const tickMs = 10;

/** CPU time that all threads of a process have used, user and system. */
export function cpuMsOf(pid: number): number {
  return parseCpuMs(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

/** CPU time from the text of /proc/PID/stat. The second field, the command, may hold spaces and parentheses. */
export function parseCpuMs(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime and stime are fields 14 and 15 of proc(5), and the command is field 2.
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
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
