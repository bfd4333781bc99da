import type { VolumeFacts } from '@quorate/data-dir';
import { finding, ok, unchecked, type Check, type Severity } from '../check.ts';
import type { DataFacts } from '../data-facts.ts';
import { humanSize } from '../../print/size.ts';
import { alertThresholds, thresholds } from '../thresholds.ts';

/** Space and files that are left. */
export const diskSpace: Check<DataFacts> = {
  id: 'disk-space',
  title: 'the disk has room',
  why: 'a member that cannot write its log stops',
  runbook: 'a-data-directory',
  examine: ({ dir: { volumes } }) =>
    volumes.map((volume) => {
      const { path, sizeBytes, freeBytes, fileCount, freeFileCount } = volume;
      const share = freeBytes / Math.max(1, sizeBytes);
      const seen = `${humanSize(BigInt(freeBytes))} of ${humanSize(BigInt(sizeBytes))} are free`;
      const remedy = [`Make room, or give it a larger disk: $ df -h ${path}`];
      if (freeBytes < thresholds.freeBytesCritical) return finding('critical', path, seen, remedy);
      // Of a large disk a small part is enough for long.
      if (share < thresholds.freeShare && freeBytes < 10 * thresholds.freeBytesCritical)
        return finding('warning', path, seen, remedy);
      if (fileCount > 0 && freeFileCount / fileCount < thresholds.freeFilesShare)
        return finding('warning', path, `${freeFileCount} of ${fileCount} files are left to make`, [
          `Find out who makes so many: $ df -i ${path}`,
        ]);
      return ok(path, seen);
    }),
};

interface FileSystem {
  readonly name: string;
  readonly severity: Severity;
  readonly trouble: string;
}

const network = 'a sync waits for the network, and some servers answer before data are on a disk';
/** File systems by the number of statfs(2) that are not made for a log. */
const fileSystems = new Map<number, FileSystem>([
  [
    0x01021994,
    { name: 'tmpfs', severity: 'warning', trouble: 'it is in memory, and gone when the machine restarts' },
  ],
  [
    0x858458f6,
    { name: 'ramfs', severity: 'warning', trouble: 'it is in memory, and gone when the machine restarts' },
  ],
  [
    0x794c7630,
    { name: 'overlayfs', severity: 'warning', trouble: 'it is the layer of a container, and gone with it' },
  ],
  [0x6969, { name: 'NFS', severity: 'warning', trouble: network }],
  [0xff534d42, { name: 'CIFS', severity: 'warning', trouble: network }],
  [0xfe534d42, { name: 'SMB', severity: 'warning', trouble: network }],
  [0x01021997, { name: '9p', severity: 'warning', trouble: 'its syncs need not reach a disk' }],
  [
    0x65735546,
    { name: 'FUSE', severity: 'advice', trouble: 'what a sync promises is up to the program behind it' },
  ],
]);

/** Whether a file system keeps what it says it has. */
export const fileSystem: Check<DataFacts> = {
  id: 'file-system',
  title: 'the file system keeps what was synced',
  why: 'a member acknowledges what its disk says is durable',
  runbook: 'a-data-directory',
  examine: ({ dir: { volumes } }) =>
    volumes.map((volume) => {
      const found = fileSystems.get(typeOf(volume));
      if (found === undefined) return ok(volume.path);
      return finding(found.severity, volume.path, `it is on ${found.name}: ${found.trouble}`, [
        'Move the directory to a disk of the machine (ext4, xfs), in a container to a volume, while the member does not run',
      ]);
    }),
};

/** The number is a signed one of 32 bits on some machines. */
function typeOf({ type }: VolumeFacts): number {
  return type < 0 ? type + 2 ** 32 : type;
}

/** Who may enter. */
export const fileModes: Check<DataFacts> = {
  id: 'file-modes',
  title: 'only the owner may enter',
  why: 'the files hold all values, and hashes of all passwords',
  runbook: 'a-data-directory',
  examine({ dir: { dataDir, places } }) {
    const [root] = places;
    if (root === undefined) return [];
    // A directory that is a mount may be the system's; what is in it is the member's.
    const inside = places.slice(1);
    const mixed = inside.filter(({ uid }) => uid !== inside[0]?.uid);
    // Whoever may not enter the directory does not get to what is in it.
    if ((root.mode & 0o077) === 0 && mixed.length === 0) return [ok(dataDir)];
    if (mixed.length > 0) {
      const seen = `${mixed.map(({ path }) => path).join(', ')} belong to others than ${inside[0]?.path ?? dataDir}`;
      return [
        finding('warning', dataDir, seen, [
          'Give all of it to the user of the member, while it does not run: $ chown -R quorate: DIR',
        ]),
      ];
    }
    const seen = `others may enter: its mode is ${root.mode.toString(8)}`;
    return [finding('warning', dataDir, seen, [`$ chmod 700 ${dataDir}`])];
  },
};

/** What the disk does when asked. */
export const syncMeasured: Check<DataFacts> = {
  id: 'sync-measured',
  title: 'the disk syncs small writes fast',
  why: 'each write of a client waits for it on more than half of the members',
  runbook: 'quorateslowlog',
  examine({ dir: { dataDir }, syncs }) {
    if (syncs === undefined) return [unchecked(dataDir, 'the disk is measured with --write-test only')];
    if (!syncs.ok) return [unchecked(dataDir, `the disk could not be measured: ${syncs.reason}`)];
    const { count, p50Ms, p99Ms, maxMs, folder } = syncs.value;
    const text = (ms: number) => `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
    const seen = `${count} syncs in ${folder} took ${text(p50Ms)} (median), ${text(p99Ms)} (p99), ${text(maxMs)} at most`;
    const severity: Severity | undefined =
      p99Ms > alertThresholds.QuorateSlowLog * 1_000
        ? 'critical'
        : p99Ms > thresholds.goodSyncSeconds * 1_000
          ? 'warning'
          : undefined;
    if (severity === undefined) return [ok(dataDir, seen)];
    return [
      finding(severity, dataDir, seen, [
        'Measure again while nobody else writes to the disk; if it stays, give the log a faster one: --wal-dir',
      ]),
    ];
  },
};
