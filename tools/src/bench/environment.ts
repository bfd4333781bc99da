import { etcdBin } from '@quorate/e2e';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, release, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { quantile } from './measure.ts';
import type { Placement } from './placement.ts';
import type { Environment } from './results.ts';

const syncs = 1000;
const appendSize = 300;

/** What can be said before anything is measured. */
export async function describeEnvironment(options: {
  readonly dir: string;
  readonly command: string;
  readonly placements?: readonly Placement[];
}): Promise<Environment> {
  const [load = 0] = loadavg();
  return {
    command: options.command,
    date: new Date().toISOString().slice(0, 10),
    cpu: cpuModel(readFileSync('/proc/cpuinfo', 'utf8')),
    cores: availableParallelism(),
    placements: options.placements ?? ['shared'],
    memoryBytes: totalmem(),
    kernel: `Linux ${release()}`,
    fileSystem: fileSystemOf(options.dir, readFileSync('/proc/self/mounts', 'utf8')),
    node: process.version,
    quorate: revisionOfCheckout(),
    etcd: etcdVersion(),
    loadBefore: load,
    loadAfter: load,
    ...(await syncLatency(options.dir)),
  };
}

export function cpuModel(cpuinfo: string): string {
  return /^model name\s*:\s*(.+)$/m.exec(cpuinfo)?.[1]?.trim() ?? 'unknown';
}

/** The type of the file system that holds a folder: that of the longest mount point above it. */
export function fileSystemOf(dir: string, mounts: string): string {
  let longest = '';
  let found = 'unknown';
  for (const line of mounts.split('\n')) {
    const [, point = '', type = ''] = line.split(' ');
    const isAbove = point === '/' || dir === point || dir.startsWith(`${point}/`);
    // Of several mounts on one point the last one counts.
    if (point === '' || !isAbove || point.length < longest.length) continue;
    longest = point;
    found = type;
  }
  return found;
}

/** How long an append of 300 bytes takes until fdatasync returns, on the disk that is measured. */
async function syncLatency(dir: string): Promise<Pick<Environment, 'syncP50Ms' | 'syncP99Ms'>> {
  const path = join(dir, 'fdatasync');
  const file = await open(path, 'w');
  const bytes = new Uint8Array(appendSize).fill(1);
  const latencies = new Float64Array(syncs);
  for (let i = 0; i < syncs; i++) {
    const startedAt = performance.now();
    await file.write(bytes);
    await file.datasync();
    latencies[i] = performance.now() - startedAt;
  }
  await file.close();
  await rm(path);
  latencies.sort();
  return { syncP50Ms: quantile(latencies, 0.5), syncP99Ms: quantile(latencies, 0.99) };
}

function etcdVersion(): string {
  if (etcdBin === undefined) return 'none';
  const text = execFileSync(join(etcdBin, 'etcd'), ['--version'], { encoding: 'utf8' });
  return /etcd Version: (\S+)/.exec(text)?.[1] ?? 'unknown';
}

/** The commit that was measured. */
export function revisionOfCheckout(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, {
        cwd: resolve(import.meta.dirname),
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    const isClean = git('status', '--porcelain', '--untracked-files=no') === '';
    return git('rev-parse', '--short', 'HEAD') + (isClean ? '' : ' with changes');
  } catch {
    return 'unknown'; // A checkout without its history.
  }
}
