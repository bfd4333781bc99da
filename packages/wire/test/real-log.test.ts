import { fromHex, fromUtf8, toHex } from '@quorate/std';
import {
  decodeBareRequest,
  decodeDeleteRangeRequest,
  decodeEntry,
  decodeHardState,
  decodePutRequest,
  decodeRaftEnvelope,
  decodeTxnRequest,
  decodeWalSnapshot,
  encodeDeleteRangeRequest,
  encodeEntry,
  encodeHardState,
  encodePutRequest,
  encodeRaftEnvelope,
  encodeTxnRequest,
  encodeWalSnapshot,
  raftpb,
  raftRequestField,
} from '../src/index.ts';
import { describe, expect, test } from 'vitest';
import {
  realBareRequest,
  realEntries,
  realEnvelopes,
  realHardState,
  realWalSnapshot,
} from './support/real-log.ts';

const memberId = 18306096129663245642n;

describe('what a real etcd wrote into its log', () => {
  test('entries are read, and written again byte for byte', () => {
    const confChange = decodeEntry(fromHex(realEntries.confChange));
    expect(confChange).toMatchObject({ type: 1, term: 1, index: 1 });
    expect(raftpb.ConfChange.decode(confChange.data)).toMatchObject({ type: 0, nodeId: memberId });
    expect(toHex(encodeEntry(confChange))).toBe(realEntries.confChange);

    const empty = decodeEntry(fromHex(realEntries.empty));
    expect(empty).toEqual({ type: 0, term: 2, index: 2, data: new Uint8Array(0) });
    expect(toHex(encodeEntry(empty))).toBe(realEntries.empty);
  });

  test('hard state and snapshot mark are read, and written again byte for byte', () => {
    const state = decodeHardState(fromHex(realHardState));
    expect(state).toEqual({ term: 2, vote: memberId, commit: 13 });
    expect(toHex(encodeHardState(state))).toBe(realHardState);

    const mark = decodeWalSnapshot(fromHex(realWalSnapshot));
    expect(mark).toMatchObject({ index: 13, term: 2, confState: { voters: [memberId] } });
    expect(toHex(encodeWalSnapshot(mark))).toBe(realWalSnapshot);
  });

  test.each(Object.entries(realEnvelopes))(
    'the envelope of a %s is written again byte for byte',
    (_, hex) => {
      expect(toHex(encodeRaftEnvelope(decodeRaftEnvelope(fromHex(hex))))).toBe(hex);
    },
  );

  test('the envelopes carry the requests that were made', () => {
    const fields = Object.values(realEnvelopes).map((hex) => decodeRaftEnvelope(fromHex(hex)).requestField);
    const { put, leaseGrant, deleteRange, compaction, authRoleAdd, txn } = raftRequestField;
    expect(fields).toEqual([put, put, leaseGrant, deleteRange, compaction, authRoleAdd, txn]);
  });

  test('a put is read, and written again byte for byte', () => {
    const { request, idHigh, idLow } = decodeRaftEnvelope(fromHex(realEnvelopes.putWithLease));
    expect([idHigh, idLow]).toEqual([0x1d4aa203, 0x127d2f07]);
    const put = decodePutRequest(request);
    expect(put).toMatchObject({ key: fromUtf8('leased'), value: fromUtf8('x'), lease: 0x1d4aa203127d2f05n });
    expect(encodePutRequest(put)).toEqual(request);
  });

  test('a delete is read, and written again byte for byte', () => {
    const { request } = decodeRaftEnvelope(fromHex(realEnvelopes.deleteRange));
    const deleteRange = decodeDeleteRangeRequest(request);
    expect(deleteRange.key).toEqual(fromUtf8('foo'));
    expect(encodeDeleteRangeRequest(deleteRange)).toEqual(request);
  });

  test('a transaction is read, and written again byte for byte, zeros of its compares included', () => {
    const { request } = decodeRaftEnvelope(fromHex(realEnvelopes.txn));
    const txn = decodeTxnRequest(request);
    expect(txn.compare.map(({ target }) => target)).toEqual([2, 0, 3]);
    expect(txn.success.map(({ kind }) => kind)).toEqual(['put', 'range']);
    expect(txn.failure.map(({ kind }) => kind)).toEqual(['put', 'deleteRange']);
    expect(encodeTxnRequest(txn)).toEqual(request);
  });

  test('a bare request is told from an envelope', () => {
    const { requestField, request } = decodeRaftEnvelope(fromHex(realBareRequest));
    expect(requestField).toBe(raftRequestField.v2);
    expect(decodeBareRequest(request)).toMatchObject({ method: 'PUT', path: '/0/version', value: '3.5.0' });
  });
});
