import { expect, test } from 'vitest';
import { inAllFormats, inLineFormats, line, tellBoth, type Step } from '../src/etcdctl-story.ts';
import { etcdBin } from '../src/member-process.ts';

const durations = /\b\d+(\.\d+)?(µs|ms|s)\b/g;
/** How the server is called, and how large its files are. */
const ofServer = [
  /"(version|dbSize|dbSizeInUse|dbSizeQuota|storageVersion)":("[^"]*"|\d+),?/g,
  /,?"downgradeInfo":\{[^}]*\}/g,
  /^"(Version|DBSize|DBSizeInUse|StorageVersion)" : .*\n/gm,
  /\b3\.\d+\.\d+\b|\d+(\.\d+)? [kM]?B/g,
];

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

test.skipIf(etcdBin === undefined)(
  'the real etcdctl prints the same of Quorate as of etcd (set QUORATE_ETCD_BIN to run)',
  { timeout: 120_000 },
  async () => {
    const { quorate, etcd } = await tellBoth(story, ['--unsafe-no-fsync']);
    for (const [index, expected] of etcd.entries()) {
      expect.soft(quorate[index]?.outcome, expected.command).toEqual(expected.outcome);
    }
  },
);
