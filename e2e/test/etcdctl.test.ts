import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ServerPair, sides, type SideName } from '../src/differential/server-pair.ts';
import { etcdctl, type CtlCommand, type CtlOutcome } from '../src/etcdctl.ts';
import { etcdBin } from '../src/member-process.ts';

/** A step of the story: `{lease}` stands for the ID of the lease that an earlier step was granted. */
interface Step extends CtlCommand {
  /** What differs between two servers of the same state, and may. */
  readonly mask?: readonly RegExp[];
  readonly grantsLease?: boolean;
}

const durations = /\b\d+(\.\d+)?(µs|ms|s)\b/g;
/** How the server is called, and how large its files are. */
const ofServer = [
  /"(version|dbSize|dbSizeInUse|dbSizeQuota|storageVersion)":("[^"]*"|\d+),?/g,
  /,?"downgradeInfo":\{[^}]*\}/g,
  /^"(Version|DBSize|DBSizeInUse|StorageVersion)" : .*\n/gm,
  /\b3\.\d+\.\d+\b|\d+(\.\d+)? [kM]?B/g,
];
const line = (text: string, more: Omit<Step, 'args'> = {}): Step => ({ args: text.split(' '), ...more });
const inAllFormats = (text: string, more: Omit<Step, 'args'> = {}): Step[] =>
  ['simple', 'json', 'fields', 'table', 'protobuf'].map((format) => line(`${text} -w ${format}`, more));
/** The same without tables and protobuf, whose widths and lengths follow from what is masked. */
const inLineFormats = (text: string, more: Omit<Step, 'args'> = {}): Step[] =>
  ['simple', 'json', 'fields'].map((format) => line(`${text} -w ${format}`, more));

/** A day of an operator. */
const story: readonly Step[] = [
  ...inAllFormats('put fruit/apple red'),
  line('put fruit/pear green --prev-kv'),
  line('put fruit/pear yellow --prev-kv -w json'),
  { args: ['put', 'fruit/\u00fc <&>', 'two\nlines'] },
  { args: ['put', 'from stdin'], stdin: 'a value\n' },
  line('put fruit/pear x --ignore-value'),
  line('put nothing --ignore-value'),
  ...inAllFormats('get fruit/ --prefix'),
  line('get fruit/ --prefix --keys-only'),
  line('get fruit/ --prefix --count-only -w json'),
  line('get fruit/ --prefix --limit 1 -w fields'),
  line('get fruit/ --prefix --sort-by MODIFY --order DESCEND --print-value-only'),
  line('get fruit/pear --rev 7'),
  line('get fruit/pear --consistency s'),
  line('get fruit/pear --rev 10000'),
  line('get nothing'),
  {
    args: ['txn'],
    stdin: 'mod("fruit/apple") > "0"\n\nput fruit/apple green\nget fruit/apple\n\nget fruit/pear\n\n',
  },
  {
    args: ['txn', '-w', 'json'],
    stdin: 'value("fruit/apple") = "blue"\n\nput a b\n\ndel fruit/pear\nget fruit/ --prefix\n\n',
  },
  { args: ['txn'], stdin: 'put a b\n\n\nput a c\n\n' },
  ...inAllFormats('del fruit/nothing'),
  line('put fruit/plum blue'),
  line('del fruit/plum --prev-kv'),
  line('watch fruit/ --prefix --rev 2', { untilLines: 37 }),
  line('watch fruit/ --prefix --rev 2 --prev-kv', { untilLines: 45 }),
  line('watch fruit/ --prefix --rev 2 -w json', { untilLines: 1, mask: [/"Events":.*/g] }),
  ...inLineFormats('endpoint hashkv'),
  line('endpoint hashkv --rev 3'),
  line('compaction 4'),
  line('compaction 4'),
  line('compaction 10000'),
  line('compaction 6 --physical'),
  line('get fruit/pear --rev 2'),
  line('watch fruit/ --prefix --rev 2'),
  ...inLineFormats('endpoint hashkv'),
  // The server picks the ID of a lease, and keys carry it: from here on hashes differ.
  line('lease grant 600', { grantsLease: true }),
  line('put leased 1 --lease={lease}'),
  line('get leased -w json'),
  line('lease timetolive {lease} --keys', { mask: [/remaining\(\d+s\)/g] }),
  line('lease timetolive {lease} --keys -w json', { mask: [/"ttl":\d+/g] }),
  line('lease list'),
  line('lease keep-alive {lease} --once'),
  line('lease keep-alive {lease}', { untilLines: 1 }),
  line('lease keep-alive 1234 --once'),
  line('lease revoke {lease}'),
  line('lease revoke {lease}'),
  line('lease timetolive {lease}'),
  line('get leased'),
  ...inLineFormats('endpoint status', { mask: ofServer }),
  ...inLineFormats('endpoint health', { mask: [durations] }),
  line('defrag', { mask: [durations] }),
  ...inAllFormats('member list'),
  line('alarm list'),
  line('alarm disarm'),
];

/** Runs the story against one of the servers; what differs has one name for both. */
async function tell(endpoint: string, side: SideName): Promise<{ command: string; outcome: CtlOutcome }[]> {
  let lease = 'none';
  const told = [];
  for (const step of story) {
    const args = step.args.map((argument) => argument.replace('{lease}', lease));
    const outcome = await etcdctl(endpoint, { ...step, args });
    if (step.grantsLease === true) lease = /lease (\w+) granted/.exec(outcome.stdout)?.[1] ?? side;
    const masked = (text: string): string => {
      let result = text.replaceAll(endpoint, '<endpoint>').replaceAll(lease, '<lease>');
      result = result.replaceAll(
        BigInt(lease === 'none' ? '0x7fffffffffffffff' : `0x${lease}`).toString(),
        '<lease>',
      );
      for (const pattern of step.mask ?? []) result = result.replace(pattern, '<masked>');
      return result;
    };
    told.push({
      command: step.args.join(' '),
      outcome: { ...outcome, stdout: masked(outcome.stdout), error: masked(outcome.error) },
    });
  }
  return told;
}

test.skipIf(etcdBin === undefined)(
  'the real etcdctl prints the same of Quorate as of etcd (set QUORATE_ETCD_BIN to run)',
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'quorate-etcdctl-'));
    try {
      await using pair = await ServerPair.start({ folder, flags: ['--unsafe-no-fsync'] });
      const [quorate, etcd] = await Promise.all(sides.map((side) => tell(pair.members[side].endpoint, side)));
      for (const [index, expected] of etcd!.entries()) {
        expect.soft(quorate![index]?.outcome, expected.command).toEqual(expected.outcome);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
);
