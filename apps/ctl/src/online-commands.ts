import type { Command } from './cli/command.ts';

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
