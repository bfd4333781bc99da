import {
  authpb,
  checkFields,
  decodeBareRequest,
  decodeConfState,
  decodeDeleteRangeRequest,
  decodeEntry,
  decodeHardState,
  decodeKeyValue,
  decodeMessage,
  decodePutRequest,
  decodeRaftEnvelope,
  decodeRangeRequest,
  decodeResponseHeader,
  decodeSnapshot,
  decodeTxnRequest,
  decodeWalRecord,
  decodeWalSnapshot,
  encodeMessage,
  encodePutRequest,
  encodeRaftEnvelope,
  encodeRangeRequest,
  encodeSnapshot,
  encodeTxnRequest,
  encodeWalSnapshot,
  raftinternalpb,
  raftpb,
  rpcpb,
  WireError,
} from '../src/index.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  message,
  putRequest,
  raftEnvelope,
  rangeRequest,
  snapshot,
  txnRequest,
  walSnapshot,
} from './support/arbitraries.ts';

const decoders: Record<string, (bytes: Uint8Array) => unknown> = {
  checkFields,
  decodeBareRequest,
  decodeConfState,
  decodeDeleteRangeRequest,
  decodeEntry,
  decodeHardState,
  decodeKeyValue,
  decodeMessage,
  decodePutRequest,
  decodeRaftEnvelope,
  decodeRangeRequest,
  decodeResponseHeader,
  decodeSnapshot,
  decodeTxnRequest,
  decodeWalRecord,
  decodeWalSnapshot,
};

/** Valid encodings, of which single bytes are then changed, cut out or doubled. */
const encodings: fc.Arbitrary<Uint8Array> = fc.oneof(
  message.map(encodeMessage),
  putRequest.map(encodePutRequest),
  raftEnvelope.map(encodeRaftEnvelope),
  rangeRequest.map(encodeRangeRequest),
  snapshot.map(encodeSnapshot),
  txnRequest.map(encodeTxnRequest),
  walSnapshot.map(encodeWalSnapshot),
);

const mutation = fc.record({
  at: fc.nat(),
  byte: fc.nat(255),
  kind: fc.constantFrom('set', 'cut', 'insert'),
});

const mutated = fc
  .tuple(encodings, fc.array(mutation, { minLength: 1, maxLength: 4 }))
  .map(([bytes, mutations]) => {
    let result = [...bytes];
    for (const { at, byte, kind } of mutations) {
      const place = at % (result.length + 1);
      if (kind === 'set') result[place] = byte;
      else if (kind === 'cut') result = result.slice(0, place);
      else result.splice(place, 0, byte);
    }
    return Uint8Array.from(result);
  });

const hostile = fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated);

describe('whatever bytes arrive', () => {
  test.each(Object.entries(decoders))('%s returns or throws a WireError', (_name, decode) => {
    fc.assert(
      fc.property(hostile, (bytes) => {
        try {
          decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('a decoder never looks beyond the range it was given', () => {
    // What follows the range would complete any varint or string that is cut short.
    fc.assert(
      fc.property(hostile, (bytes) => {
        const framed = Buffer.concat([bytes, new Uint8Array(300).fill(1)]);
        expect(outcome(() => decodeTxnRequest(framed, 0, bytes.length))).toEqual(
          outcome(() => decodeTxnRequest(bytes)),
        );
        expect(outcome(() => decodeMessage(framed, 0, bytes.length))).toEqual(
          outcome(() => decodeMessage(bytes)),
        );
      }),
      { numRuns: 500 },
    );
  });

  // The generated code is laxer: it stops at an end-group tag or a zero tag, passes over known fields of a wrong
  // wire type, and tells of anything else by a plain Error or RangeError.
  const generated: Record<string, { decode(bytes: Uint8Array): unknown }> = {
    TxnRequest: rpcpb.TxnRequest,
    WatchRequest: rpcpb.WatchRequest,
    AuthRoleGrantPermissionRequest: rpcpb.AuthRoleGrantPermissionRequest,
    InternalRaftRequest: raftinternalpb.InternalRaftRequest,
    ConfChangeV2: raftpb.ConfChangeV2,
    User: authpb.User,
  };
  test.each(Object.entries(generated))('generated %s returns or throws an Error', (_name, type) => {
    fc.assert(
      fc.property(hostile, (bytes) => {
        try {
          type.decode(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 500 },
    );
  });
});

function outcome(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
    return String(error);
  }
}
