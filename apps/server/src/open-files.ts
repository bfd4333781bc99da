import { readFileSync } from 'node:fs';

/** Open files that are not connections: the log, the store, and what else there is. etcd sets aside as many. */
const filesForOthers = 150;
/** Where nobody tells how many files may be open. */
const fallbackConnections = 10_000;

/** How many connections this process may have open, going by the limit of its open files. At least one. */
export function connectionsByOpenFiles(): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? fallbackConnections : Math.max(1, Number(limit) - filesForOthers);
  } catch {
    // Only Linux has this file.
    return fallbackConnections;
  }
}
