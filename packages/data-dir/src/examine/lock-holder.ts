import { readFile, stat } from 'node:fs/promises';
import { reasonOf } from '../errors.ts';
import type { UseFacts } from './facts.ts';

/**
 * Whether a process holds a lock on a file, as /proc/locks tells it: taking the lock to find out would change the file of
 * a store, and could keep a member from starting. Processes of other containers are not seen there.
 *
 * @param table what /proc/locks says; read when it is left out
 */
export async function lockHolder(path: string, table?: string): Promise<UseFacts> {
  const file = await stat(path).catch(() => undefined);
  if (file === undefined) return { state: 'free' };
  let locks: string;
  try {
    locks = table ?? (await readFile('/proc/locks', 'utf8'));
  } catch (error) {
    return {
      state: 'unknown',
      reason: `this system does not tell which files are locked (${reasonOf(error)})`,
    };
  }
  const pid = holderOf(locks, file);
  return pid === undefined ? { state: 'free' } : { state: 'used', pid };
}

/** The process that holds a lock on a file; undefined when none does. */
export function holderOf(
  locks: string,
  { ino, dev }: { readonly ino: number; readonly dev: number },
): number | undefined {
  const { major, minor } = deviceNumbers(dev);
  for (const line of locks.split('\n')) {
    const found = /^\d+: +\w+ +\w+ +\w+ +(-?\d+) +([0-9a-f]+):([0-9a-f]+):(\d+) /.exec(line);
    if (found === null || Number(found[4]) !== ino) continue;
    const isSame =
      Number.parseInt(found[2] ?? '', 16) === major && Number.parseInt(found[3] ?? '', 16) === minor;
    // File systems in layers show files under a device of their own, and locks under that below.
    if (isSame || major === 0) return Number(found[1]);
  }
  return undefined;
}

/** The two numbers in a `dev_t` of Linux. */
function deviceNumbers(device: number): { readonly major: number; readonly minor: number } {
  const bits = BigInt(device);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & 0xfffff000n)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & 0xffffff00n)),
  };
}
