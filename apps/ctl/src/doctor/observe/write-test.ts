import type { DataDirFacts } from '@quorate/data-dir';
import { mkdtemp, open, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { SyncTimes } from '../data-facts.ts';

/** A write of the log is of some kilobytes, into a file that has its size already. */
const writeBytes = 4_096;
const writeCount = 200;

/**
 * Writes and syncs a small file on the disk of a log, as a member does, and removes it. It lies beside the data directory;
 * where that is another file system, since the directory is a mount of its own, in it.
 *
 * @throws as node:fs does, with nothing left then
 */
export async function measureSyncs({ dataDir, walDir }: DataDirFacts): Promise<SyncTimes> {
  const logDir = await firstThere([walDir, dirname(walDir), dataDir]);
  const beside = dirname(resolve(dataDir));
  const { dev } = await stat(logDir);
  const parent = (await stat(beside)).dev === dev ? beside : logDir;
  const folder = await mkdtemp(join(parent, '.quorate-doctor-'));
  try {
    return { ...summaryOf(await syncTimes(join(folder, 'sync'))), folder: parent };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function firstThere(paths: readonly string[]): Promise<string> {
  for (const path of paths) if ((await stat(path).catch(() => undefined)) !== undefined) return path;
  throw new Error('there is no directory to write beside');
}

async function syncTimes(path: string): Promise<number[]> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.write(new Uint8Array(writeBytes * writeCount));
    await file.sync();
    const times: number[] = [];
    const bytes = new Uint8Array(writeBytes).fill(1);
    for (let at = 0; at < writeCount; at++) {
      const startedAt = performance.now();
      await file.write(bytes, 0, writeBytes, at * writeBytes);
      await file.datasync();
      times.push(performance.now() - startedAt);
    }
    return times;
  } finally {
    await file.close();
  }
}

/** What times come to. */
export function summaryOf(times: readonly number[]): Omit<SyncTimes, 'folder'> {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: times.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: sorted.at(-1) ?? 0 };
}
