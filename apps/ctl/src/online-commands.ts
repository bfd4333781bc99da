import type { Command } from './cli/command.ts';
import type { FlagDefinition } from './cli/flags.ts';

/** Locks and elections. */
export const lockCommand: Command = {
  name: 'lock',
  use: 'lock <lockname> [exec-command arg1 arg2 ...]',
  short: 'Acquires a named lock',
  long: `Holds the lock until it is interrupted; with a command, for as long as that runs. The command finds the lock's key
in ETCD_LOCK_KEY, and the revision since which it is held in ETCD_LOCK_REV; its exit code is passed on.
Flags of the command must come behind a '--':

$ quoratectl lock jobs -- sh -c 'echo $ETCD_LOCK_KEY'`,
  flags: [{ name: 'ttl', kind: 'int64', default: 10n, usage: 'timeout for session' }],
  load: async () => (await import('./commands/lock.ts')).lock,
};

export const electCommand: Command = {
  name: 'elect',
  use: 'elect <election-name> [proposal]',
  short: 'Observes and participates in leader election',
  flags: [{ name: 'listen', shorthand: 'l', kind: 'bool', default: false, usage: 'observation mode' }],
  load: async () => (await import('./commands/elect.ts')).elect,
};

const destinationFlag = (name: string, usage: string): FlagDefinition => ({
  name,
  kind: 'string',
  default: '',
  usage,
});

/** The copy of a cluster that follows it. */
export const makeMirrorCommand: Command = {
  name: 'make-mirror',
  use: 'make-mirror [options] <destination>',
  short: 'Makes a mirror at the destination etcd cluster',
  flags: [
    { name: 'prefix', kind: 'string', default: '', usage: 'Key-value prefix to mirror' },
    { name: 'rev', kind: 'int64', default: 0n, usage: 'Specify the kv revision to start to mirror' },
    {
      name: 'max-txn-ops',
      kind: 'uint64',
      default: 128n,
      usage: 'Maximum number of operations permitted in a transaction during syncing updates',
    },
    destinationFlag(
      'dest-prefix',
      'destination prefix to mirror a prefix to a different prefix in the destination cluster',
    ),
    {
      name: 'no-dest-prefix',
      kind: 'bool',
      default: false,
      usage: 'mirror key-values to the root of the destination cluster',
    },
    destinationFlag(
      'dest-cert',
      'Identify secure client using this TLS certificate file for the destination cluster',
    ),
    destinationFlag('dest-key', 'Identify secure client using this TLS key file'),
    destinationFlag('dest-cacert', 'Verify certificates of TLS enabled secure servers using this CA bundle'),
    {
      name: 'dest-insecure-transport',
      kind: 'bool',
      default: true,
      usage: 'Disable transport security for client connections',
    },
    destinationFlag(
      'dest-user',
      'Destination username[:password] for authentication (prompt if password is not supplied)',
    ),
    destinationFlag(
      'dest-password',
      "Destination password for authentication (if this option is used, --user option shouldn't include password)",
    ),
  ],
  load: async () => (await import('./commands/make-mirror.ts')).makeMirror,
};

function checkFlags(check: 'performance' | 'datascale', prefix: string): FlagDefinition[] {
  const loads = 'Accepted workloads: s(small), m(medium), l(large), xl(xLarge)';
  return [
    { name: 'load', kind: 'string', default: 's', usage: `The ${check} check's workload model. ${loads}` },
    {
      name: 'prefix',
      kind: 'string',
      default: prefix,
      usage: `The prefix for writing the ${check} check's keys.`,
    },
    {
      name: 'auto-compact',
      kind: 'bool',
      default: false,
      usage: 'Compact storage with last revision after test is finished.',
    },
    {
      name: 'auto-defrag',
      kind: 'bool',
      default: false,
      usage: 'Defragment storage after test is finished.',
    },
  ];
}

/** Measurements of a cluster. */
export const checkCommand: Command = {
  name: 'check',
  use: 'check <subcommand>',
  short: 'commands for checking properties of the etcd cluster',
  children: [
    {
      name: 'perf',
      use: 'perf [options]',
      short: 'Check the performance of the etcd cluster',
      flags: checkFlags('performance', '/etcdctl-check-perf/'),
      load: async () => (await import('./commands/check-perf.ts')).checkPerf,
    },
    {
      name: 'datascale',
      use: 'datascale [options]',
      short: 'Check the memory usage of holding data for different workloads on a given server endpoint.',
      long: 'If no endpoint is provided, localhost will be used. If multiple endpoints are provided, first endpoint will be used.',
      flags: checkFlags('datascale', '/etcdctl-check-datascale/'),
      load: async () => (await import('./commands/check-datascale.ts')).checkDatascale,
    },
  ],
};

/** The flags that all commands have. */
export const optionsCommand: Command = {
  name: 'options',
  use: 'options',
  short: 'Show the global command-line flags',
  load: async () => (await import('./commands/options.ts')).options,
};
