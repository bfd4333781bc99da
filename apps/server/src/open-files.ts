import { readFileSync } from 'node:fs';

/** Open files that are not connections: the log, the store, and what else there is. etcd sets aside as many. */
const filesForOthers = 150;
/** Where nobody tells how many files may be open. */
const fallbackConnections = 10_000;

/** How many files this process may have open: `Infinity` without a limit, undefined where nobody tells. */
export function fileDescriptorLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === 'unlimited' ? Infinity : limit === undefined ? undefined : Number(limit);
  } catch {
    // Only Linux has this file.
    return undefined;
  }
}

/** How many connections this process may have open, going by the limit of its open files. At least one. */
export function connectionsByOpenFiles(): number {
  const limit = fileDescriptorLimit();
  if (limit === undefined || limit === Infinity) return fallbackConnections;
  return Math.max(1, limit - filesForOthers);
}
