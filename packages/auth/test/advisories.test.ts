/**
 * What etcd's published advisories about authorization teach, one test a lesson. Each names the advisory it comes from.
 */
import { fromUtf8, keyRange } from '@quorate/std';
import { encodeTxnRequest, raftRequestField, type RequestOp, type TxnRequest } from '@quorate/wire';
import { describe, expect, test } from 'vitest';
import {
  accessOfAlarm,
  accessOfDeleteRange,
  accessOfLeaseKeepAlive,
  accessOfLeaseRevoke,
  accessOfLeases,
  accessOfLeaseTimeToLive,
  accessOfLogEntry,
  accessOfPut,
  accessOfRange,
  accessOfTxn,
  accessOfWatch,
  ruleOf,
  type Access,
} from '../src/index.ts';
import { leaseKeys, logRequest } from '../src/testing/index.ts';
import { codeOf } from './code-of.ts';
import { deleteRange, Member, put, range } from './harness.ts';

const denied = 'AUTH_PERMISSION_DENIED';

/** The same operation bare, in either branch of a transaction, and in a transaction within one. */
function shapesOf(bare: Access, op: RequestOp): Record<string, Access> {
  const taken: TxnRequest = { compare: [], success: [op], failure: [] };
  const notTaken: TxnRequest = { compare: [], success: [], failure: [op] };
  const nested: TxnRequest = { compare: [], success: [{ kind: 'txn', txn: notTaken }], failure: [] };
  return {
    bare,
    'in a transaction': accessOfTxn(taken),
    'in the branch that is not taken': accessOfTxn(notTaken),
    'in a nested transaction': accessOfTxn(nested),
    'in the log': accessOfLogEntry(raftRequestField.txn, encodeTxnRequest(nested)),
  };
}

describe('GHSA-xg4h-6gfc-h4m8: a range is understood once, so that an open end is not taken for one key', () => {
  test('who may read one key may not watch, read or delete from it on', async () => {
    const member = await Member.withUsers({ alice: [{ type: 'READWRITE', key: 'a' }] });
    const open = keyRange(fromUtf8('a'), Uint8Array.of(0));
    expect(member.refusal('alice', accessOfWatch(keyRange(fromUtf8('a'), fromUtf8(''))))).toBeUndefined();
    expect(member.refusal('alice', accessOfWatch(open))).toBe(denied);
    expect(member.refusal('alice', accessOfRange(range('a', '\0')))).toBe(denied);
    expect(member.refusal('alice', accessOfDeleteRange(deleteRange('a', '\0')))).toBe(denied);
  });

  test.each([
    ['a', ''],
    ['a', 'b'],
    ['a', '\0'],
    ['\0', '\0'],
    ['b', 'a'],
    ['a', 'a'],
  ])('reading, watching and comparing [%j, %j) are decided alike', async (key, end) => {
    for (const own of [
      { type: 'READ', key: 'a' },
      { type: 'READ', key: 'a', end: 'b' },
      { type: 'READ', key: 'a', end: '\0' },
      { type: 'READ', key: '\0', end: '\0' },
    ] as const) {
      const member = await Member.withUsers({ alice: [own] });
      const read = member.refusal('alice', accessOfRange(range(key, end)));
      const watch = accessOfWatch(keyRange(fromUtf8(key), fromUtf8(end)));
      const compare = {
        ...range(key, end),
        result: 0,
        target: 0,
        version: 0,
        createRevision: 0,
        modRevision: 0,
      };
      const txn = accessOfTxn({
        compare: [{ ...compare, value: new Uint8Array(0), lease: 0n }],
        success: [],
        failure: [],
      });
      expect(member.refusal('alice', watch)).toBe(read);
      expect(member.refusal('alice', txn)).toBe(read);
    }
  });
});

describe('GHSA-rfx7-8w68-q57q: transactions within transactions are visited', () => {
  test.each([
    ['a read', accessOfRange(range('secret')), { kind: 'range', range: range('secret') }],
    ['a put', accessOfPut(put('secret')), { kind: 'put', put: put('secret') }],
    [
      'a deletion',
      accessOfDeleteRange(deleteRange('secret')),
      { kind: 'deleteRange', deleteRange: deleteRange('secret') },
    ],
  ] as const)('%s that is refused is refused in every shape', async (_what, bare, op) => {
    const member = await Member.withUsers({ alice: [{ type: 'READWRITE', key: 'own' }] });
    for (const [shape, access] of Object.entries(shapesOf(bare, op))) {
      expect(member.refusal('alice', access), shape).toBe(denied);
      expect(member.refusal('root', access), shape).toBeUndefined();
    }
  });
});

describe('GHSA-x35m-3gp4-4fh5: an operation needs as much in a transaction as by itself', () => {
  test('who may write a key may not see what it was', async () => {
    const member = await Member.withUsers({ alice: [{ type: 'WRITE', key: 'a', end: 'b' }] });
    const putBack = put('a', { prevKv: true });
    const puts = shapesOf(accessOfPut(putBack), { kind: 'put', put: putBack });
    const deleteBack = deleteRange('a', 'b', true);
    const deletes = shapesOf(accessOfDeleteRange(deleteBack), {
      kind: 'deleteRange',
      deleteRange: deleteBack,
    });
    for (const access of [...Object.values(puts), ...Object.values(deletes)]) {
      expect(member.refusal('alice', access)).toBe(denied);
    }
    expect(member.refusal('alice', accessOfPut(put('a')))).toBeUndefined();
    expect(member.refusal('alice', accessOfDeleteRange(deleteRange('a', 'b')))).toBeUndefined();
  });

  test("who may not write a lease's keys may not hang a key of his own on it", async () => {
    const member = await Member.withUsers({ alice: [{ type: 'WRITE', key: 'a' }] });
    member.leases.set(7n, ['a', 'foreign']).set(8n, ['a']).set(9n, []);
    const withLease = (lease: bigint) =>
      Object.values(shapesOf(accessOfPut(put('a', { lease })), { kind: 'put', put: put('a', { lease }) }));
    for (const access of withLease(7n)) expect(member.refusal('alice', access)).toBe(denied);
    for (const lease of [8n, 9n, 10n]) {
      for (const access of withLease(lease)) expect(member.refusal('alice', access)).toBeUndefined();
    }
  });
});

describe('GHSA-q8m4-xhhv-38mg: what has no rule is denied, and what was open by oversight has one', () => {
  test.each([
    ['/etcdserverpb.Cluster/MemberList', 'login'],
    ['/etcdserverpb.Maintenance/Status', 'login'],
    ['/etcdserverpb.Maintenance/Alarm', 'admin'],
    ['/etcdserverpb.Lease/LeaseGrant', 'login'],
    ['/etcdserverpb.Lease/LeaseRevoke', 'keys'],
    ['/etcdserverpb.Lease/LeaseKeepAlive', 'keys'],
    ['/etcdserverpb.Lease/LeaseTimeToLive', 'keys'],
    ['/etcdserverpb.Lease/LeaseLeases', 'keys'],
    ['/etcdserverpb.KV/Compact', 'admin'],
  ])('%s needs %s', (path, level) => {
    expect(ruleOf(path)?.level).toBe(level);
  });

  test('alarms can be seen by any user, and raised and cleared by administrators only', async () => {
    const member = await Member.withUsers({ alice: [] });
    expect(member.refusal('alice', accessOfAlarm(0))).toBeUndefined();
    expect(member.refusal('alice', accessOfAlarm(1))).toBe(denied);
    expect(member.refusal('alice', accessOfAlarm(2))).toBe(denied);
    expect(member.refusal('root', accessOfAlarm(2))).toBeUndefined();
  });

  test('who may not write the keys of a lease can neither end nor keep it', async () => {
    const member = await Member.withUsers({ alice: [{ type: 'READ', key: 'a', end: '\0' }] });
    member.leases.set(7n, ['a']).set(8n, []);
    expect(member.refusal('alice', accessOfLeaseRevoke(7n))).toBe(denied);
    expect(member.refusal('alice', accessOfLeaseKeepAlive(7n))).toBe(denied);
    expect(member.refusal('alice', accessOfLeaseRevoke(8n))).toBeUndefined();
    expect(member.refusal('alice', accessOfLeaseRevoke(9n))).toBeUndefined();
  });
});

describe('GHSA-q8m4-xhhv-38mg: a certificate may name anybody', () => {
  test('and whoever it names that is no user has nothing by it, even where no key is needed', async () => {
    const member = await Member.withUsers({ alice: [] });
    member.leases.set(8n, []);
    const ofKeys = [
      accessOfLeaseRevoke(8n),
      accessOfLeaseRevoke(9n),
      accessOfLeaseKeepAlive(8n),
      accessOfLeaseTimeToLive({ id: 8n, keys: true }),
      accessOfLeases(),
      accessOfTxn({ compare: [], success: [], failure: [] }),
    ];
    const asked = (name: string, access: Access) =>
      codeOf(() =>
        member.store.authorize({ kind: 'user', name, provenAt: Infinity }, access, leaseKeys(member.leases)),
      );
    for (const access of ofKeys) {
      expect(asked('stranger', access)).toBe(denied);
      expect(asked('alice', access)).toBeUndefined();
    }
    for (const access of [accessOfAlarm(0), accessOfLeaseTimeToLive({ id: 8n, keys: false })]) {
      expect(asked('stranger', access)).toBe('AUTH_USER_NOT_FOUND');
      expect(asked('alice', access)).toBeUndefined();
    }
  });
});

describe('GHSA-3p4g-rcw5-8298: the keys of a lease are keys', () => {
  test('who may not read them does not see them by asking for the lease', async () => {
    const member = await Member.withUsers({ alice: [{ type: 'READ', key: 'a' }] });
    member.leases.set(7n, ['a', 'foreign']);
    expect(member.refusal('alice', accessOfLeaseTimeToLive({ id: 7n, keys: true }))).toBe(denied);
    expect(member.refusal('alice', accessOfLeaseTimeToLive({ id: 7n, keys: false }))).toBeUndefined();
    expect(member.refusal('alice', accessOfLeases())).toBe(denied);
    member.leases.set(7n, ['a']);
    expect(member.refusal('alice', accessOfLeaseTimeToLive({ id: 7n, keys: true }))).toBeUndefined();
    expect(member.refusal('alice', accessOfLeases())).toBeUndefined();
    expect(member.refusal('root', accessOfLeases())).toBeUndefined();
  });
});

describe('unnumbered: a permission on an empty range is refused', () => {
  test.each([
    ['', ''],
    ['', '\0'],
    ['', 'z'],
    ['b', 'a'],
    ['b', 'b'],
    ['\0\0', '\0'.repeat(2)],
  ])('[%j, %j)', async (key, end) => {
    const member = await Member.withUsers({ alice: [] });
    const request = logRequest.roleGrantPermission("alice's", { type: 'READ', key, end });
    expect(await member.codeOf(request)).toBe('AUTH_INVALID_MANAGEMENT');
  });

  test.each([
    ['a', ''],
    ['a', '\0'],
    ['\0', '\0'],
    ['a', 'a\0'],
    ['\xff', '\0'],
  ])('and on [%j, %j) it is not', async (key, end) => {
    const member = await Member.withUsers({ alice: [] });
    const request = logRequest.roleGrantPermission("alice's", { type: 'READ', key, end });
    expect(await member.codeOf(request)).toBeUndefined();
  });
});

describe('GHSA-vjg6-93fv-qv64: a user without a password does not log in with one', () => {
  test('and what is told about him says so', async () => {
    const member = await Member.withUsers({});
    await member.apply(logRequest.userAdd('carol'));
    expect(member.store.passwordOf('carol')).toEqual({ hash: undefined, noPassword: true });
    expect(await member.codeOf(logRequest.authenticate('carol'))).toBe('AUTH_FAILED');
  });
});

describe('prefixes end where they end', () => {
  test('also where the last byte is the greatest', async () => {
    const key = Uint8Array.of(0x61, 0xff);
    const end = Uint8Array.of(0x62);
    const member = await Member.withUsers({ alice: [{ type: 'READ', key, end }] });
    const asked = (key: readonly number[], rangeEnd: readonly number[]) =>
      accessOfRange({ key: Uint8Array.from(key), rangeEnd: Uint8Array.from(rangeEnd) });
    expect(member.refusal('alice', asked([0x61, 0xff], [0x62]))).toBeUndefined();
    expect(member.refusal('alice', asked([0x61, 0xff, 0xff], []))).toBeUndefined();
    expect(member.refusal('alice', asked([0x61, 0xfe], [0x62]))).toBe(denied);
    expect(member.refusal('alice', asked([0x61, 0xff], [0x62, 0x00]))).toBe(denied);
    expect(member.refusal('alice', asked([0x62], []))).toBe(denied);
    expect(member.refusal('alice', asked([0x61, 0xff], [0x00]))).toBe(denied);
  });
});
