import type { Command } from './cli/command.ts';
import type { FlagDefinition } from './cli/flags.ts';

/** What etcdutl does: work on files and data directories of members that do not run. */
const dataDirFlag = (usage: string): FlagDefinition => ({
  name: 'data-dir',
  kind: 'string',
  default: '',
  usage,
});

/** Of commands that open what a member may have open, as etcdutl 3.7. */
export const lockTimeoutFlag: FlagDefinition = {
  name: 'timeout',
  kind: 'duration',
  default: 10_000,
  usage: 'How long to wait for data that a member has open (0s waits for any time)',
};

/** Makes `defrag` work on a data directory rather than on members. */
export const defragDataDirFlag = dataDirFlag(
  'Optional. If present, defragments a data directory not in use by a member.',
);

export const snapshotRestoreCommand: Command = {
  name: 'restore',
  use: 'restore <filename> --data-dir {output dir} [options]',
  short: 'Restores a member snapshot to a new data directory',
  long: `The snapshot may be of Quorate or of etcd, the new member is one of Quorate, in a new cluster. Restore the
same snapshot once for each member of the new cluster, with the same --initial-cluster and a --name of its own.`,
  flags: [
    dataDirFlag('Path to the output data directory'),
    {
      name: 'wal-dir',
      kind: 'string',
      default: '',
      usage: 'Path to the WAL directory (use --data-dir if none given)',
    },
    { name: 'name', kind: 'string', default: 'default', usage: 'Human-readable name for this member' },
    {
      name: 'initial-cluster',
      kind: 'string',
      default: 'default=http://localhost:2380',
      usage: 'Initial cluster configuration for restore bootstrap',
    },
    {
      name: 'initial-cluster-token',
      kind: 'string',
      default: 'etcd-cluster',
      usage: 'Initial cluster token for the etcd cluster during restore bootstrap',
    },
    {
      name: 'initial-advertise-peer-urls',
      kind: 'string',
      default: 'http://localhost:2380',
      usage: "List of this member's peer URLs to advertise to the rest of the cluster",
    },
    {
      name: 'skip-hash-check',
      kind: 'bool',
      default: false,
      usage: 'Ignore snapshot integrity hash value (required if copied from data directory)',
    },
    {
      name: 'initial-memory-map-size',
      kind: 'uint64',
      default: 10_737_418_240n,
      usage: 'Taken and not used: a store of Quorate is not mapped into memory',
    },
    {
      name: 'bump-revision',
      kind: 'uint64',
      default: 0n,
      usage: 'How much to increase the latest revision after restore',
    },
    {
      name: 'mark-compacted',
      kind: 'bool',
      default: false,
      usage:
        'Mark the latest revision after restore as the point of scheduled compaction (required if --bump-revision > 0, disallowed otherwise)',
    },
  ],
  load: async () => (await import('./commands/snapshot-restore.ts')).snapshotRestore,
};

/** Commands of etcdutl that etcdctl has none of. */
export const offlineCommands: readonly Command[] = [
  {
    name: 'hashkv',
    use: 'hashkv <filename>',
    short: 'Prints the KV history hash of a given file or data directory',
    isOwn: true,
    flags: [
      dataDirFlag('Path to the data directory of a member that does not run, in place of a file'),
      lockTimeoutFlag,
      {
        name: 'rev',
        kind: 'int64',
        default: 0n,
        usage: 'maximum revision to hash (default: latest revision)',
      },
    ],
    load: async () => (await import('./commands/hashkv.ts')).hashKvOffline,
  },
  {
    name: 'migrate',
    use: 'migrate',
    short: 'Migrates schema of data dir files to make them compatible with different etcd version',
    isOwn: true,
    flags: [
      dataDirFlag('Path to the data dir of a member that does not run'),
      lockTimeoutFlag,
      {
        name: 'wal-dir',
        kind: 'string',
        default: '',
        usage: 'Path to the WAL directory, if not in the data dir',
      },
      {
        name: 'target-version',
        kind: 'string',
        default: '',
        usage:
          'Target etcd version to migrate contents of data dir. Minimal value 3.5. Format "X.Y" for example 3.6.',
      },
      {
        name: 'force',
        kind: 'bool',
        default: false,
        usage: 'Ignore migration failure and forcefully override storage version. Not recommended.',
      },
    ],
    load: async () => (await import('./commands/migrate.ts')).migrateDataDir,
  },
];
