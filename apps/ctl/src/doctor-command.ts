import type { Command } from './cli/command.ts';

/** What is wrong, and what to do. */
export const doctorCommand: Command = {
  name: 'doctor',
  use: 'doctor [options]',
  short: 'Looks for what is wrong with members or data directories, and says what to do',
  isOwn: true,
  long: `Members that run, of Quorate or of etcd; nothing is written, not even an entry of their log:

$ quoratectl doctor --cluster
$ quoratectl --endpoints=https://m1:2379,https://m2:2379 --cacert=ca.crt doctor --peer-certificates
$ quoratectl doctor --cluster --interval=30s      # rates and times of the next 30 s, not since members began
$ quoratectl doctor --cluster -w json | jq '.findings[0]'

Data directories, of Quorate or of etcd, best while no member runs on them; nothing in them is changed:

$ quoratectl doctor --data-dir=/var/lib/quorate
$ quoratectl doctor --data-dir=/var/lib/quorate --wal-dir=/mnt/log --write-test

Findings come worst first, each with what was seen, why it matters, and what to do. What could not be checked is told,
and never counts as well. No keys, values or passwords are shown. The exit code is 0 when there is nothing worse than
advice, 2 with warnings, 3 with something critical, 1 when nothing could be looked at.`,
  flags: [
    {
      name: 'cluster',
      kind: 'bool',
      default: false,
      usage: 'use all endpoints from the cluster member list',
    },
    {
      name: 'data-dir',
      kind: 'list',
      default: [],
      usage: 'look at these data directories, and not at members unless --endpoints or --cluster is given',
    },
    {
      name: 'wal-dir',
      kind: 'string',
      default: '',
      usage: 'where the log lies, if not in the data directory',
    },
    {
      name: 'write-test',
      kind: 'bool',
      default: false,
      usage:
        'measure the disk: write and sync a small file beside the data directory, or in it where it is a mount, and remove it',
    },
    {
      name: 'metrics-endpoints',
      kind: 'list',
      default: [],
      usage: 'where members serve /metrics, if not at their client URLs',
    },
    {
      name: 'peer-certificates',
      kind: 'bool',
      default: false,
      usage:
        'look at the certificates that members show each other, too (peer URLs must be reached from here)',
    },
    {
      name: 'skip-hash',
      kind: 'bool',
      default: false,
      usage: 'do not compare hashes, for which each member reads all of its keys',
    },
    {
      name: 'interval',
      kind: 'duration',
      default: 0,
      usage: 'judge what happens in this time, and not since members began',
    },
    { name: 'all', kind: 'bool', default: false, usage: 'tell what is well, too, one by one' },
  ],
  load: async () => (await import('./doctor/doctor.ts')).doctor,
};
