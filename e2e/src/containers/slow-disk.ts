import { spawnSync } from 'node:child_process';
import { engineApi } from './runtime.ts';

/**
 * The disk that the engine keeps volumes on, such as `/dev/vda`, whose use by a container its control groups can bound;
 * undefined where there is none: the engine is elsewhere, or keeps them in memory or on a file system of files.
 */
export async function volumeDisk(): Promise<string | undefined> {
  // The engine's API promises no type for the answer.
  const { DockerRootDir: folder } = (await (await engineApi()).info()) as { readonly DockerRootDir: string };
  const source = lineOf('findmnt', ['--noheadings', '--output', 'SOURCE', '--target', folder]);
  // A subvolume is told behind its device.
  const device = source?.replace(/\[.*$/, '');
  if (device?.startsWith('/dev/') !== true) return undefined;
  // Of a partition, the disk that it is on: bounds are for whole disks.
  const parent = lineOf('lsblk', ['--noheadings', '--nodeps', '--output', 'PKNAME', device]);
  if (parent === undefined) return undefined;
  return parent === '' ? device : `/dev/${parent}`;
}

function lineOf(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0]?.trim() : undefined;
}

/** How many syncs of its log a member has done, and the seconds that they took in all. */
export interface SyncTally {
  readonly count: number;
  readonly seconds: number;
}

/** Reads the tally from a member's metrics. */
export async function syncTally(endpoint: string): Promise<SyncTally> {
  const text = await (await fetch(`http://${endpoint}/metrics`)).text();
  const valueOf = (name: string): number =>
    Number(new RegExp(`^etcd_disk_wal_fsync_duration_seconds_${name} (\\S+)$`, 'm').exec(text)?.[1]);
  return { count: valueOf('count'), seconds: valueOf('sum') };
}
