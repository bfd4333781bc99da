import { Buffer } from 'node:buffer';
import { rpcpb } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import { goJson } from '../src/go/json.ts';
import { statusPrintout } from '../src/print/endpoint.ts';
import { memberAddPrintout } from '../src/print/member.ts';
import { humanSize } from '../src/print/size.ts';
import { table } from '../src/print/table.ts';

test('a table has its header centred and its cells to the right', () => {
  const text = Buffer.from(
    table(
      ['id', 'long header', 'x'],
      [
        ['1', 'a', 'ü'],
        ['22222', '', ''],
      ],
    ),
    'latin1',
  ).toString();
  expect(text).toBe(
    [
      '┌───────┬─────────────┬───┐',
      '│  ID   │ LONG HEADER │ X │',
      '├───────┼─────────────┼───┤',
      '│     1 │           a │ ü │',
      '│ 22222 │             │   │',
      '└───────┴─────────────┴───┘',
      '',
    ].join('\n'),
  );
});

test.each([
  [0n, '0 B'],
  [9n, '9 B'],
  [512n, '512 B'],
  [1_000n, '1.0 kB'],
  [20_480n, '20 kB'],
  [24_576n, '25 kB'],
  [2_147_483_648n, '2.1 GB'],
  [999_999n, '1000 kB'],
])('%d bytes are printed for people', (bytes, text) => {
  expect(humanSize(bytes)).toBe(text);
});

describe('the status of an endpoint', () => {
  const status: rpcpb.StatusResponse = {
    ...rpcpb.StatusResponse.create(),
    header: { clusterId: 1n, memberId: 255n, revision: 5n, raftTerm: 2n },
    version: '3.6.1',
    storageVersion: '3.6.0',
    dbSize: 40_960n,
    dbSizeInUse: 10_240n,
    dbSizeQuota: 2_147_483_648n,
    leader: 255n,
    raftIndex: 9n,
    raftAppliedIndex: 8n,
    raftTerm: 2n,
    errors: ['memberID:255 alarm:NOSPACE '],
    downgradeInfo: { enabled: true, targetVersion: '3.5.0' },
  };
  const printout = statusPrintout([{ endpoint: 'host:1', status }]);

  test('has the columns of etcdctl 3.6', () => {
    expect(printout.simple()).toBe(
      'host:1, ff, 3.6.1, 3.6.0, 41 kB, 10 kB, 75%, 2.1 GB, true, false, 2, 9, 8, memberID:255 alarm:NOSPACE , 3.5.0, true\n',
    );
  });

  test('has all its fields in JSON, under the names of the message', () => {
    expect(goJson(printout.json?.() ?? null)).toBe(
      '[{"Endpoint":"host:1","Status":{"header":{"cluster_id":1,"member_id":255,"revision":5,"raft_term":2},' +
        '"version":"3.6.1","dbSize":40960,"leader":255,"raftIndex":9,"raftTerm":2,"raftAppliedIndex":8,' +
        '"errors":["memberID:255 alarm:NOSPACE "],"dbSizeInUse":10240,"storageVersion":"3.6.0",' +
        '"dbSizeQuota":2147483648,"downgradeInfo":{"enabled":true,"targetVersion":"3.5.0"}}}]',
    );
  });
});

test('a new member is told how to start, with its own name though the cluster does not know that yet', () => {
  const member = { ...rpcpb.Member.create(), ID: 10n, peerURLs: ['http://new:1', 'http://new:2'] };
  const old = { ...rpcpb.Member.create(), ID: 5n, name: 'old', peerURLs: ['http://old:1'] };
  const header = { clusterId: 0xabcn, memberId: 5n, revision: 0n, raftTerm: 2n };
  const printout = memberAddPrintout(
    { header, member, members: [old, member] },
    { name: 'fresh', peerUrls: ['http://new:1', 'http://new:2'] },
  );
  expect(printout.simple()).toBe(
    `Member                a added to cluster              abc

ETCD_NAME="fresh"
ETCD_INITIAL_CLUSTER="old=http://old:1,fresh=http://new:1,fresh=http://new:2"
ETCD_INITIAL_ADVERTISE_PEER_URLS="http://new:1,http://new:2"
ETCD_INITIAL_CLUSTER_STATE="existing"
`,
  );
});
