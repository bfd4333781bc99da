import type { Command } from './cli/command.ts';
import type { FlagDefinition } from './cli/flags.ts';
import { globalFlags } from './cli/global-flags.ts';
import { doctorCommand } from './doctor-command.ts';
import {
  defragDataDirFlag,
  lockTimeoutFlag,
  offlineCommands,
  snapshotRestoreCommand,
} from './offline-commands.ts';
import {
  checkCommand,
  electCommand,
  lockCommand,
  makeMirrorCommand,
  optionsCommand,
} from './online-commands.ts';
import { completionCommand, contextCommand, topCommand } from './own-commands.ts';
import { authCommand, roleCommand, userCommand } from './security-commands.ts';

/** Flags of `get`; operations of a transaction take them, too. */
export const getFlags: readonly FlagDefinition[] = [
  { name: 'consistency', kind: 'string', default: 'l', usage: 'Linearizable(l) or Serializable(s)' },
  {
    name: 'order',
    kind: 'string',
    default: '',
    usage: 'Order of results; ASCEND or DESCEND (ASCEND by default)',
  },
  {
    name: 'sort-by',
    kind: 'string',
    default: '',
    usage: 'Sort target; CREATE, KEY, MODIFY, VALUE, or VERSION',
  },
  { name: 'limit', kind: 'int64', default: 0n, usage: 'Maximum number of results' },
  { name: 'prefix', kind: 'bool', default: false, usage: 'Get keys with matching prefix' },
  {
    name: 'from-key',
    kind: 'bool',
    default: false,
    usage: 'Get keys that are greater than or equal to the given key using byte compare',
  },
  { name: 'rev', kind: 'int64', default: 0n, usage: 'Specify the kv revision' },
  { name: 'keys-only', kind: 'bool', default: false, usage: 'Get only the keys' },
  { name: 'count-only', kind: 'bool', default: false, usage: 'Get only the count' },
  {
    name: 'print-value-only',
    kind: 'bool',
    default: false,
    usage: 'Only write values when using the "simple" output format',
  },
  { name: 'min-create-rev', kind: 'int64', default: 0n, usage: 'Minimum create revision' },
  { name: 'max-create-rev', kind: 'int64', default: 0n, usage: 'Maximum create revision' },
  { name: 'min-mod-rev', kind: 'int64', default: 0n, usage: 'Minimum modification revision' },
  { name: 'max-mod-rev', kind: 'int64', default: 0n, usage: 'Maximum modification revision' },
  {
    name: 'stream',
    kind: 'bool',
    default: false,
    usage: 'Fetch the range in parts, as the server streams them (needs a server of 3.7 or later)',
  },
];

/** Flags of `put`; operations of a transaction take them, too. */
export const putFlags: readonly FlagDefinition[] = [
  { name: 'lease', kind: 'string', default: '0', usage: 'lease ID (in hexadecimal) to attach to the key' },
  {
    name: 'prev-kv',
    kind: 'bool',
    default: false,
    usage: 'return the previous key-value pair before modification',
  },
  { name: 'ignore-value', kind: 'bool', default: false, usage: 'updates the key using its current value' },
  { name: 'ignore-lease', kind: 'bool', default: false, usage: 'updates the key using its current lease' },
];

/** Flags of `del`; operations of a transaction take them, too. */
export const delFlags: readonly FlagDefinition[] = [
  { name: 'prefix', kind: 'bool', default: false, usage: 'delete keys with matching prefix' },
  { name: 'prev-kv', kind: 'bool', default: false, usage: 'return deleted key-value pairs' },
  {
    name: 'from-key',
    kind: 'bool',
    default: false,
    usage: 'delete keys that are greater than or equal to the given key using byte compare',
  },
  { name: 'range', kind: 'bool', default: false, usage: 'delete range of keys' },
];

/** Flags of `watch`; its interactive form takes them on each line, too. */
export const watchFlags: readonly FlagDefinition[] = [
  { name: 'interactive', shorthand: 'i', kind: 'bool', default: false, usage: 'Interactive mode' },
  { name: 'prefix', kind: 'bool', default: false, usage: 'Watch on a prefix if prefix is set' },
  { name: 'rev', kind: 'int64', default: 0n, usage: 'Revision to start watching' },
  {
    name: 'prev-kv',
    kind: 'bool',
    default: false,
    usage: 'get the previous key-value pair before the event happens',
  },
  {
    name: 'progress-notify',
    kind: 'bool',
    default: false,
    usage: 'get periodic watch progress notification from server',
  },
  {
    name: 'diff',
    kind: 'bool',
    default: false,
    usage: 'show each change on one line: when, what, the key, and how its value has changed',
  },
];

const clusterFlag: FlagDefinition = {
  name: 'cluster',
  kind: 'bool',
  default: false,
  usage: 'use all endpoints from the cluster member list',
};
const peerUrlsFlag = (usage: string): FlagDefinition => ({
  name: 'peer-urls',
  kind: 'string',
  default: '',
  usage,
});

const alarmCommand: Command = {
  name: 'alarm',
  use: 'alarm <subcommand>',
  short: 'Alarm related commands',
  children: [
    {
      name: 'list',
      use: 'list',
      short: 'Lists all alarms',
      load: async () => (await import('./commands/alarm.ts')).alarmList,
    },
    {
      name: 'disarm',
      use: 'disarm',
      short: 'Disarms all alarms',
      load: async () => (await import('./commands/alarm.ts')).alarmDisarm,
    },
  ],
};

const endpointCommand: Command = {
  name: 'endpoint',
  use: 'endpoint <subcommand>',
  short: 'Endpoint related commands',
  persistentFlags: [clusterFlag],
  children: [
    {
      name: 'health',
      use: 'health',
      short: 'Checks the healthiness of endpoints specified in `--endpoints` flag',
      load: async () => (await import('./commands/endpoint-health.ts')).endpointHealth,
    },
    {
      name: 'status',
      use: 'status',
      short: 'Prints out the status of endpoints specified in `--endpoints` flag',
      long: `When --write-out is set to simple, this command prints out comma-separated status lists for each endpoint.
The items in the lists are endpoint, ID, version, storage version, db size, in use, percentage not in use,
quota, is leader, is learner, raft term, raft index, raft applied index, errors, downgrade target version,
downgrade enabled.`,
      load: async () => (await import('./commands/endpoint.ts')).endpointStatus,
    },
    {
      name: 'hashkv',
      use: 'hashkv',
      short: 'Prints the KV history hash for each endpoint in --endpoints',
      flags: [
        {
          name: 'rev',
          kind: 'int64',
          default: 0n,
          usage: 'maximum revision to hash (default: all revisions)',
        },
      ],
      load: async () => (await import('./commands/endpoint.ts')).endpointHashKv,
    },
  ],
};

const downgradeCommand: Command = {
  name: 'downgrade',
  use: 'downgrade <subcommand>',
  short: 'Downgrade related commands',
  children: [
    {
      name: 'validate',
      use: 'validate <TARGET_VERSION>',
      short: 'Validate downgrade capability before starting downgrade',
      load: async () => (await import('./commands/downgrade.ts')).downgradeValidate,
    },
    {
      name: 'enable',
      use: 'enable <TARGET_VERSION>',
      short: 'Start a downgrade action to cluster',
      load: async () => (await import('./commands/downgrade.ts')).downgradeEnable,
    },
    {
      name: 'cancel',
      use: 'cancel',
      short: 'Cancel the ongoing downgrade action to cluster',
      load: async () => (await import('./commands/downgrade.ts')).downgradeCancel,
    },
  ],
};

const snapshotCommand: Command = {
  name: 'snapshot',
  use: 'snapshot <subcommand>',
  short: 'Manages etcd node snapshots',
  children: [
    {
      name: 'save',
      use: 'save <filename>',
      short: 'Stores an etcd node backend snapshot to a given file',
      load: async () => (await import('./commands/snapshot-save.ts')).snapshotSave,
    },
    {
      name: 'status',
      use: 'status <filename>',
      short: 'Gets backend snapshot status of a given file',
      long: `When --write-out is set to simple, this command prints out comma-separated status lists for each endpoint.
The items in the lists are hash, revision, total keys, total size.`,
      flags: [lockTimeoutFlag],
      load: async () => (await import('./commands/snapshot-status.ts')).snapshotStatus,
    },
    snapshotRestoreCommand,
  ],
};

const leaseCommand: Command = {
  name: 'lease',
  use: 'lease <subcommand>',
  short: 'Lease related commands',
  children: [
    {
      name: 'grant',
      use: 'grant <ttl>',
      short: 'Creates leases',
      load: async () => (await import('./commands/lease.ts')).leaseGrant,
    },
    {
      name: 'revoke',
      use: 'revoke <leaseID>',
      short: 'Revokes leases',
      load: async () => (await import('./commands/lease.ts')).leaseRevoke,
    },
    {
      name: 'timetolive',
      use: 'timetolive <leaseID> [options]',
      short: 'Get lease information',
      flags: [{ name: 'keys', kind: 'bool', default: false, usage: 'Get keys attached to this lease' }],
      load: async () => (await import('./commands/lease.ts')).leaseTimeToLive,
    },
    {
      name: 'list',
      use: 'list',
      short: 'List all active leases',
      load: async () => (await import('./commands/lease.ts')).leaseList,
    },
    {
      name: 'keep-alive',
      use: 'keep-alive [options] <leaseID>',
      short: 'Keeps leases alive (renew)',
      flags: [
        {
          name: 'once',
          kind: 'bool',
          default: false,
          usage: 'Resets the keep-alive time to its original value and exits immediately',
        },
      ],
      load: async () => (await import('./commands/lease.ts')).leaseKeepAlive,
    },
  ],
};

const memberCommand: Command = {
  name: 'member',
  use: 'member <subcommand>',
  short: 'Membership related commands',
  children: [
    {
      name: 'add',
      use: 'add <memberName> [options]',
      short: 'Adds a member into the cluster',
      flags: [
        peerUrlsFlag('comma separated peer URLs for the new member.'),
        {
          name: 'learner',
          kind: 'bool',
          default: false,
          usage: 'indicates if the new member is raft learner',
        },
      ],
      load: async () => (await import('./commands/member.ts')).memberAdd,
    },
    {
      name: 'remove',
      use: 'remove <memberID>',
      short: 'Removes a member from the cluster',
      load: async () => (await import('./commands/member.ts')).memberRemove,
    },
    {
      name: 'update',
      use: 'update <memberID> [options]',
      short: 'Updates a member in the cluster',
      flags: [peerUrlsFlag('comma separated peer URLs for the updated member.')],
      load: async () => (await import('./commands/member.ts')).memberUpdate,
    },
    {
      name: 'list',
      use: 'list',
      short: 'Lists all members in the cluster',
      long: `When --write-out is set to simple, this command prints out comma-separated member lists for each endpoint.
The items in the lists are ID, Status, Name, Peer Addrs, Client Addrs, Is Learner.`,
      flags: [
        { name: 'consistency', kind: 'string', default: 'l', usage: 'Linearizable(l) or Serializable(s)' },
      ],
      load: async () => (await import('./commands/member.ts')).memberList,
    },
    {
      name: 'promote',
      use: 'promote <memberID>',
      short: 'Promotes a non-voting member in the cluster',
      long: 'Promotes a non-voting learner member to a voting one in the cluster.',
      load: async () => (await import('./commands/member.ts')).memberPromote,
    },
  ],
};

/** The program: every command there is, what it takes, and where what it does is found. */
export const rootCommand: Command = {
  name: 'quoratectl',
  use: 'quoratectl',
  short: 'A command line client for Quorate and etcd.',
  persistentFlags: globalFlags,
  children: [
    {
      name: 'get',
      use: 'get [options] <key> [range_end]',
      short: 'Gets the key or a range of keys',
      flags: getFlags,
      load: async () => (await import('./commands/get.ts')).get,
    },
    {
      name: 'put',
      use: 'put [options] <key> <value> (<value> can also be given from stdin)',
      short: 'Puts the given key into the store',
      long: `Writes a key. Without a <value> (and without --ignore-value) the value is read from standard input:

$ cat file | quoratectl put <key>

A <value> that begins with '-' would be taken for a flag; put '--' before it:

$ quoratectl put <key> -- <value>`,
      flags: putFlags,
      load: async () => (await import('./commands/put.ts')).put,
    },
    {
      name: 'del',
      use: 'del [options] <key> [range_end]',
      short: 'Removes the specified key or range of keys [key, range_end)',
      flags: delFlags,
      load: async () => (await import('./commands/del.ts')).del,
    },
    {
      name: 'txn',
      use: 'txn [options]',
      short: 'Txn processes all the requests in one transaction',
      flags: [
        {
          name: 'interactive',
          shorthand: 'i',
          kind: 'bool',
          default: false,
          usage: 'Input transaction in interactive mode',
        },
      ],
      load: async () => (await import('./commands/txn.ts')).txn,
    },
    {
      name: 'compaction',
      use: 'compaction [options] <revision>',
      short: 'Compacts the event history in etcd',
      flags: [
        {
          name: 'physical',
          kind: 'bool',
          default: false,
          usage: "'true' to wait for compaction to physically remove all old revisions",
        },
      ],
      load: async () => (await import('./commands/compaction.ts')).compaction,
    },
    alarmCommand,
    {
      name: 'defrag',
      use: 'defrag',
      short: 'Defragments the storage of the etcd members with given endpoints',
      flags: [clusterFlag, defragDataDirFlag, lockTimeoutFlag],
      load: async () => (await import('./commands/defrag.ts')).defrag,
    },
    endpointCommand,
    {
      name: 'move-leader',
      use: 'move-leader <transferee-member-id>',
      short: 'Transfers leadership to another etcd cluster member.',
      load: async () => (await import('./commands/move-leader.ts')).moveLeader,
    },
    {
      name: 'watch',
      use: 'watch [options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...]',
      short: 'Watches events stream on keys or prefixes',
      flags: watchFlags,
      load: async () => (await import('./commands/watch.ts')).watch,
    },
    {
      name: 'version',
      use: 'version',
      short: 'Prints the version of quoratectl',
      load: async () => (await import('./commands/version.ts')).version,
    },
    leaseCommand,
    memberCommand,
    snapshotCommand,
    ...offlineCommands,
    downgradeCommand,
    lockCommand,
    electCommand,
    makeMirrorCommand,
    checkCommand,
    optionsCommand,
    userCommand,
    roleCommand,
    authCommand,
    contextCommand,
    topCommand,
    doctorCommand,
    completionCommand,
  ],
};
