import { fromHex, fromUtf8, toHex } from '@quorate/std';
import {
  decodeKeyValue,
  decodeWalRecord,
  decodeWalSnapshot,
  encodeKeyValue,
  encodeWalRecord,
  encodeWalSnapshot,
  etcdserverpb,
} from '../src/index.ts';
import { describe, expect, test } from 'vitest';

// Bytes that a real etcd writes, worked out from its format rather than by our code.

describe('mvccpb.KeyValue', () => {
  const vectors = [
    { value: 'bar', modRevision: 2, version: 1, hex: '0a03666f6f1002180220012a03626172' },
    { value: 'baz', modRevision: 3, version: 2, hex: '0a03666f6f1002180320022a0362617a' },
  ];
  test.each(vectors)('foo=$value has the bytes that etcd stores', ({ value, modRevision, version, hex }) => {
    const kv = {
      key: fromUtf8('foo'),
      createRevision: 2,
      modRevision,
      version,
      value: fromUtf8(value),
      lease: 0n,
    };
    expect(toHex(encodeKeyValue(kv))).toBe(hex);
    expect(decodeKeyValue(fromHex(hex))).toEqual(kv);
  });

  test('a tombstone holds nothing but its key', () => {
    const tombstone = decodeKeyValue(fromHex('0a03666f6f'));
    expect(tombstone).toMatchObject({ key: fromUtf8('foo'), createRevision: 0, modRevision: 0, version: 0 });
    expect(toHex(encodeKeyValue(tombstone))).toBe('0a03666f6f');
  });
});

describe('the first records of a new log', () => {
  test('the CRC record writes type and a zero crc, and no data', () => {
    const record = { type: 4, crc: 0, data: undefined };
    expect(toHex(encodeWalRecord(record))).toBe('08041000');
    expect(decodeWalRecord(fromHex('08041000'))).toEqual(record);
  });

  test('the metadata record names member and cluster', () => {
    const hex = '080110bb81c7fc051a1608cdd2918bd2b881cf8e0110b298eaf1948386fccd01';
    const record = decodeWalRecord(fromHex(hex));
    expect(record).toMatchObject({ type: 1, crc: 0x5f91c0bb });
    expect(etcdserverpb.Metadata.decode(record.data!)).toMatchObject({
      NodeID: 10276657743932975437n,
      ClusterID: 14841639068965178418n,
    });
    expect(toHex(encodeWalRecord(record))).toBe(hex);
  });

  test('the snapshot record writes index and term though they are zero', () => {
    const hex = '08051094bbc7ed0e1a0408001000';
    const record = decodeWalRecord(fromHex(hex));
    expect(record).toMatchObject({ type: 5, crc: 0xedb1dd94 });
    const none = { index: 0, term: 0, confState: undefined };
    expect(decodeWalSnapshot(record.data!)).toEqual(none);
    expect(toHex(encodeWalSnapshot(none))).toBe('08001000');
    expect(toHex(encodeWalRecord(record))).toBe(hex);
  });
});
