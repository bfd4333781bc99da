import {
  decodeDeleteRangeRequest,
  decodeKeyValue,
  decodePutRequest,
  decodeRangeRequest,
  decodeResponseHeader,
  decodeTxnRequest,
  encodeDeleteRangeRequest,
  encodeEvent,
  encodeKeyValue,
  encodePutRequest,
  encodeRangeRequest,
  encodeResponseHeader,
  encodeTxnRequest,
  mvccpb,
  rpcpb,
} from '../src/index.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  deleteRangeRequest,
  keyValue,
  putRequest,
  rangeRequest,
  responseHeader,
  txnRequest,
} from './support/arbitraries.ts';
import {
  generatedDeleteRange,
  generatedHeader,
  generatedKeyValue,
  generatedPut,
  generatedRange,
  generatedTxn,
} from './support/to-generated.ts';

interface Codec<T> {
  readonly arbitrary: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array, start?: number, endExclusive?: number) => T;
  readonly generated: (value: T) => Uint8Array;
  /** Whether what it writes is cut out of a sheet with others. */
  readonly isCut?: boolean;
}

/** The properties that every hot codec of a proto3 message has. */
function codecSuite<T>(name: string, codec: Codec<T>): void {
  const { arbitrary, encode, decode, generated, isCut = false } = codec;
  describe(name, () => {
    test('writes the bytes that the generated code writes', () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          expect(encode(value)).toEqual(generated(value));
        }),
      );
    });

    test('reads what it wrote', () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          expect(decode(encode(value))).toEqual(value);
        }),
      );
    });

    test('reads from the middle of an array as from one of its own', () => {
      fc.assert(
        fc.property(arbitrary, fc.uint8Array(), fc.uint8Array(), (value, before, after) => {
          const inner = generated(value);
          const around = Buffer.concat([before, inner, after]);
          expect(decode(around, before.length, before.length + inner.length)).toEqual(value);
        }),
      );
    });

    if (isCut) return;
    test('hands out arrays with nothing around them', () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          const bytes = encode(value);
          expect(bytes.buffer.byteLength).toBe(bytes.length);
        }),
      );
    });
  });
}

codecSuite('KeyValue', {
  arbitrary: keyValue,
  encode: encodeKeyValue,
  decode: decodeKeyValue,
  generated: (value) => mvccpb.KeyValue.encode(generatedKeyValue(value)).finish(),
});

codecSuite('ResponseHeader', {
  arbitrary: responseHeader,
  encode: encodeResponseHeader,
  decode: decodeResponseHeader,
  generated: (value) => rpcpb.ResponseHeader.encode(generatedHeader(value)).finish(),
});

codecSuite('RangeRequest', {
  arbitrary: rangeRequest,
  encode: encodeRangeRequest,
  decode: decodeRangeRequest,
  generated: (value) => rpcpb.RangeRequest.encode(generatedRange(value)).finish(),
});

codecSuite('PutRequest', {
  arbitrary: putRequest,
  encode: encodePutRequest,
  decode: decodePutRequest,
  generated: (value) => rpcpb.PutRequest.encode(generatedPut(value)).finish(),
});

codecSuite('DeleteRangeRequest', {
  arbitrary: deleteRangeRequest,
  encode: encodeDeleteRangeRequest,
  decode: decodeDeleteRangeRequest,
  generated: (value) => rpcpb.DeleteRangeRequest.encode(generatedDeleteRange(value)).finish(),
});

codecSuite('TxnRequest', {
  arbitrary: txnRequest,
  encode: encodeTxnRequest,
  decode: decodeTxnRequest,
  generated: (value) => rpcpb.TxnRequest.encode(generatedTxn(value)).finish(),
  isCut: true,
});

describe('Event', () => {
  test('an event of encoded key-values has the bytes of the generated code', () => {
    const prevKv = fc.option(keyValue, { nil: undefined });
    fc.assert(
      fc.property(fc.constantFrom(0, 1), keyValue, prevKv, (type, kv, prev) => {
        const spliced = encodeEvent(type, encodeKeyValue(kv), prev && encodeKeyValue(prev));
        const generated = mvccpb.Event.encode({
          type,
          kv: generatedKeyValue(kv),
          prevKv: prev && generatedKeyValue(prev),
        });
        expect(spliced).toEqual(generated.finish());
      }),
    );
  });
});
