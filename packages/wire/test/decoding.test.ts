import { fromUtf8 } from '@quorate/std';
import {
  decodeBareRequest,
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeKeyValue,
  decodeMessage,
  decodePutRequest,
  decodeRaftEnvelope,
  encodeRaftEnvelope,
  decodeRangeRequest,
  decodeResponseHeader,
  decodeTxnRequest,
  decodeWalRecord,
  decodeWalSnapshot,
  encodeTxnRequest,
  raftRequestField,
  WireError,
  type RequestOp,
  type TxnRequest,
} from '../src/index.ts';
import { describe, expect, test } from 'vitest';
import { bytesField, join, tag, varint, varintField } from './support/wire-bytes.ts';

const int64Max = 2n ** 63n - 1n;
const uint64Max = 2n ** 64n - 1n;

describe('counts and IDs', () => {
  test('a signed count beyond 2^53 - 1 is clamped on either side', () => {
    const limit = (value: bigint) => decodeRangeRequest(varintField(3, value)).limit;
    expect(limit(int64Max)).toBe(Number.MAX_SAFE_INTEGER);
    expect(limit(2n ** 53n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(limit(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(limit(-1n)).toBe(-1);
    expect(limit(-(2n ** 32n))).toBe(-(2 ** 32));
    expect(limit(-(2n ** 53n) + 1n)).toBe(-Number.MAX_SAFE_INTEGER);
    expect(limit(-(2n ** 53n))).toBe(-Number.MAX_SAFE_INTEGER);
    expect(limit(-(2n ** 63n))).toBe(-Number.MAX_SAFE_INTEGER);
  });

  test('an unsigned count is never negative', () => {
    expect(decodeEntry(varintField(3, uint64Max)).index).toBe(Number.MAX_SAFE_INTEGER);
    expect(decodeResponseHeader(varintField(4, 2n ** 63n)).raftTerm).toBe(Number.MAX_SAFE_INTEGER);
  });

  test('IDs keep all 64 bits, with the sign that their field has', () => {
    expect(decodeHardState(varintField(2, uint64Max)).vote).toBe(uint64Max);
    expect(decodePutRequest(varintField(3, uint64Max)).lease).toBe(-1n);
    expect(decodePutRequest(varintField(3, int64Max)).lease).toBe(int64Max);
  });

  test('an enum holds whatever number was sent, cut to 32 bits', () => {
    expect(decodeRangeRequest(varintField(5, 77)).sortOrder).toBe(77);
    expect(decodeRangeRequest(varintField(5, -3)).sortOrder).toBe(-3);
    expect(decodeRangeRequest(varintField(5, 2n ** 32n + 2n)).sortOrder).toBe(2);
  });

  test('a flag is set by any value but zero, however it is written', () => {
    expect(decodePutRequest(varintField(4, 2n ** 40n)).prevKv).toBe(true);
    expect(decodePutRequest(join(tag(4, 0), Uint8Array.of(0x80, 0x80, 0x00))).prevKv).toBe(false);
  });

  test('a varint may be written longer than it need be, up to ten bytes', () => {
    const padded = Uint8Array.of(0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00);
    expect(decodeRangeRequest(join(tag(3, 0), padded)).limit).toBe(5);
  });
});

describe('fields', () => {
  test('of a scalar that comes twice the last one counts', () => {
    const bytes = join(bytesField(1, 'a'), varintField(3, 1), bytesField(1, 'b'), varintField(3, 2));
    expect(decodeRangeRequest(bytes)).toMatchObject({ key: fromUtf8('b'), limit: 2 });
  });

  test('unknown fields of every wire type are passed over', () => {
    const bytes = join(
      varintField(99, uint64Max),
      join(tag(100, 1), new Uint8Array(8)),
      bytesField(101, 'anything'),
      join(tag(2 ** 29 - 1, 5), new Uint8Array(4)),
      bytesField(1, 'key'),
    );
    expect(decodePutRequest(bytes).key).toEqual(fromUtf8('key'));
  });

  test('byte fields are plain views into what was given', () => {
    const bytes = Buffer.from(bytesField(1, 'key'));
    const { key } = decodeKeyValue(bytes);
    expect(key.constructor).toBe(Uint8Array);
    bytes[2] = 'K'.charCodeAt(0);
    expect(key).toEqual(fromUtf8('Key'));
  });

  test('of the things that a compare can look at, the one that comes last counts', () => {
    const bytes = bytesField(1, join(varintField(4, 9), bytesField(7, 'v'), varintField(6, 3)));
    const [compare] = decodeTxnRequest(bytes).compare;
    expect(compare).toMatchObject({ version: 0, value: new Uint8Array(0), modRevision: 3 });
  });

  test('of the requests in an operation, the one that comes last counts', () => {
    const op = join(bytesField(2, bytesField(1, 'put')), bytesField(1, bytesField(1, 'range')));
    const [first] = decodeTxnRequest(bytesField(2, op)).success;
    expect(first).toMatchObject({ kind: 'range', range: { key: fromUtf8('range') } });
  });

  test('a request in an operation that comes in two parts is merged', () => {
    const op = join(bytesField(2, bytesField(1, 'k')), bytesField(2, bytesField(2, 'v')));
    const [first] = decodeTxnRequest(bytesField(3, op)).failure;
    expect(first).toMatchObject({ kind: 'put', put: { key: fromUtf8('k'), value: fromUtf8('v') } });
  });

  test('lists of IDs may be packed, unpacked or both', () => {
    const packed = bytesField(1, join(varint(1), varint(uint64Max)));
    const state = decodeConfState(join(varintField(1, 7), packed, varintField(2, 8)));
    expect(state).toMatchObject({ voters: [7n, 1n, uint64Max], learners: [8n] });
  });

  test('a snapshot in two parts is merged into one', () => {
    const conf = bytesField(1, varintField(1, 5));
    const bytes = join(bytesField(9, bytesField(2, conf)), bytesField(9, bytesField(2, varintField(2, 7))));
    expect(decodeMessage(bytes).snapshot).toMatchObject({ index: 7, confState: { voters: [5n] } });
    const walBytes = join(bytesField(3, varintField(1, 1)), bytesField(3, varintField(1, 2)));
    expect(decodeWalSnapshot(walBytes).confState?.voters).toEqual([1n, 2n]);
  });

  test('empty data and no data of a log record are two things', () => {
    expect(decodeWalRecord(bytesField(3, '')).data).toEqual(new Uint8Array(0));
    expect(decodeWalRecord(varintField(1, 4)).data).toBeUndefined();
  });
});

describe('the raft envelope', () => {
  test('the ID is field 1 when that is set, else the one of the header', () => {
    const header = bytesField(100, varintField(1, 2n ** 40n + 3n));
    expect(decodeRaftEnvelope(header)).toMatchObject({ idHigh: 256, idLow: 3 });
    expect(decodeRaftEnvelope(join(varintField(1, 9), header))).toMatchObject({ idHigh: 0, idLow: 9 });
    expect(decodeRaftEnvelope(varintField(1, 9))).toMatchObject({ idHigh: 0, idLow: 9, requestField: 0 });
  });

  test('a header in two parts is merged', () => {
    const bytes = join(bytesField(100, varintField(1, 4)), bytesField(100, bytesField(2, 'root')));
    expect(decodeRaftEnvelope(bytes)).toMatchObject({ idLow: 4, username: 'root' });
  });

  test('names that differ in any byte are different users, and go back as they came', () => {
    const names = [[0xff], [0xfe], [0xef, 0xbf, 0xbd], [0xef, 0xbb, 0xbf, 0x61], [0x61]].map((name) =>
      Uint8Array.from(name),
    );
    const envelopes = names.map((name) => decodeRaftEnvelope(bytesField(100, bytesField(2, name))));
    expect(new Set(envelopes.map(({ username }) => username)).size).toBe(names.length);
    for (const [i, envelope] of envelopes.entries()) {
      expect(encodeRaftEnvelope(envelope)).toEqual(bytesField(100, bytesField(2, names[i]!)));
    }
  });

  test('a request that we do not know is reported by its number', () => {
    const bytes = join(bytesField(4242, 'later'), bytesField(100, varintField(1, 1)));
    expect(decodeRaftEnvelope(bytes)).toMatchObject({ requestField: 4242, request: fromUtf8('later') });
  });

  test('a request in two parts is put together', () => {
    const bytes = join(bytesField(4, bytesField(1, 'k')), bytesField(4, bytesField(2, 'v')));
    const { requestField, request } = decodeRaftEnvelope(bytes);
    expect(requestField).toBe(raftRequestField.put);
    expect(decodePutRequest(request)).toMatchObject({ key: fromUtf8('k'), value: fromUtf8('v') });
  });

  test('two different requests are refused', () => {
    expect(() => decodeRaftEnvelope(join(bytesField(4, ''), bytesField(5, '')))).toThrow(WireError);
  });

  test('a bare request of etcd 3.5 comes back whole', () => {
    // ID, method, path and value, as a member of 3.5 publishes its attributes.
    const bytes = join(
      varintField(1, 77),
      bytesField(2, 'PUT'),
      bytesField(3, '/0/members/8e9e05c52164694d/attributes'),
      bytesField(4, '{"name":"default"}'),
      varintField(5, 0),
    );
    const framed = join(Uint8Array.of(1, 2, 3), bytes, Uint8Array.of(4));
    const { requestField, request } = decodeRaftEnvelope(framed, 3, framed.length - 1);
    expect(requestField).toBe(raftRequestField.v2);
    expect(request).toEqual(bytes);
    expect(decodeBareRequest(request)).toEqual({
      idHigh: 0,
      idLow: 77,
      method: 'PUT',
      path: '/0/members/8e9e05c52164694d/attributes',
      value: '{"name":"default"}',
    });
  });
});

describe('bytes that are no message', () => {
  const ten = new Uint8Array(10).fill(0xff);
  const broken: readonly [string, Uint8Array, RegExp][] = [
    ['a varint that is cut short', join(tag(3, 0), Uint8Array.of(0x80)), /byte 2: varint is cut short/],
    ['a tag with nothing behind it', tag(3, 0), /byte 1: varint is cut short/],
    ['a tag that is cut short', Uint8Array.of(0x80), /byte 1: varint is cut short/],
    ['a varint of more than 64 bits', join(tag(3, 0), ten), /byte 10: varint has more than 64 bits/],
    ['a byte string that is cut short', join(tag(1, 2), varint(4), fromUtf8('abc')), /byte 1: length 4/],
    ['a length of 2^64 - 1', join(tag(1, 2), varint(uint64Max)), /byte 1: length 9007199254740991/],
    ['a wrong wire type', varintField(1, 3), /byte 1: field 1 has wire type 0/],
    ['field number 0', Uint8Array.of(0x02, 0x00), /byte 0: field number is 0/],
    ['field number 0, written long', Uint8Array.of(0x80, 0x00), /byte 0: field number is 0/],
    [
      'a field number above 2^29 - 1',
      join(varint(2n ** 32n), varint(0)),
      /byte 0: field number is too large/,
    ],
    ['a group', Uint8Array.of(0x7b, 0x7c), /field 15 has wire type 3, a group or none at all/],
    ['the end of a group', Uint8Array.of(0x7c), /field 15 has wire type 4, a group or none at all/],
    ['wire type 6', Uint8Array.of(0x7e), /field 15 has wire type 6/],
    ['a fixed32 that is cut short', join(tag(99, 5), new Uint8Array(3)), /byte 2: cut short/],
    ['a fixed64 that is cut short', join(tag(99, 1), new Uint8Array(7)), /byte 2: cut short/],
  ];
  test.each(broken)('%s', (_name, bytes, text) => {
    expect(() => decodeRangeRequest(bytes)).toThrow(text);
    expect(() => decodeRangeRequest(bytes)).toThrow(WireError);
  });

  test('the error has a stable code and counts from the start of the array', () => {
    const bytes = join(fromUtf8('before'), tag(1, 2), varint(9));
    try {
      decodeKeyValue(bytes, 6);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ name: 'WireError', code: 'WIRE_MALFORMED', offset: 7 });
    }
  });

  test('a nested message may not reach beyond the one around it', () => {
    const inner = join(tag(3, 2), varint(10));
    expect(() => decodeTxnRequest(join(bytesField(1, inner), new Uint8Array(20)))).toThrow(/length 10/);
  });

  test('wrong wire types are seen in lists, unions and envelopes too', () => {
    expect(() => decodeConfState(join(tag(1, 5), new Uint8Array(4)))).toThrow(WireError);
    expect(() => decodeConfState(bytesField(5, ''))).toThrow(WireError);
    expect(() => decodeTxnRequest(bytesField(2, varintField(1, 1)))).toThrow(WireError);
    expect(() => decodeTxnRequest(bytesField(1, varintField(64, 1)))).toThrow(WireError);
    expect(() => decodeRaftEnvelope(varintField(100, 1))).toThrow(WireError);
    expect(() => decodeRaftEnvelope(varintField(4, 1))).toThrow(WireError);
    expect(() => decodeRaftEnvelope(bytesField(1, ''))).toThrow(WireError);
  });

  test('an entry of a type that raft does not have is refused', () => {
    expect(() => decodeEntry(varintField(1, 3))).toThrow(/entry type 3/);
  });

  test('a range outside the array is a mistake of the caller', () => {
    expect(() => decodeKeyValue(new Uint8Array(4), 3, 5)).toThrow(RangeError);
    expect(() => decodeKeyValue(new Uint8Array(4), 3, 2)).toThrow(RangeError);
    expect(() => decodeKeyValue(new Uint8Array(4), -1)).toThrow(RangeError);
  });
});

describe('nesting', () => {
  function nested(levels: number): TxnRequest {
    let txn: TxnRequest = { compare: [], success: [], failure: [] };
    for (let i = 0; i < levels; i++) {
      const op: RequestOp = { kind: 'txn', txn };
      txn = { compare: [], success: [op], failure: [] };
    }
    return txn;
  }

  test('512 messages deep is read, and one more refused', () => {
    const deepest = encodeTxnRequest(nested(256));
    expect(encodeTxnRequest(decodeTxnRequest(deepest))).toEqual(deepest);
    const tooDeep = bytesField(2, bytesField(4, deepest));
    expect(() => decodeTxnRequest(tooDeep)).toThrow(/nested deeper than 512 messages/);
    expect(() => encodeTxnRequest(nested(257))).toThrow(/decoded again/);
  });

  test('a hundred thousand levels are refused, and do not overflow the stack', () => {
    let length = 0;
    const heads: Uint8Array[] = [];
    for (let i = 0; i < 100_000; i++) {
      const head = join(tag(i % 2 === 0 ? 4 : 2, 2), varint(length));
      heads.push(head);
      length += head.length;
    }
    expect(() => decodeTxnRequest(join(...heads.reverse()))).toThrow(WireError);
  });

  test('messages in messages are bounded as well', () => {
    let bytes: Uint8Array = new Uint8Array(0);
    for (let i = 0; i < 600; i++) bytes = bytesField(14, bytes);
    expect(() => decodeMessage(bytes)).toThrow(/nested deeper/);
  });
});
