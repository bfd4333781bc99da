import {
  encodeDeleteRangeResponse,
  encodeEvent,
  encodeKeyValue,
  encodePutResponse,
  encodeRangeResponse,
  encodeRangeStreamResponse,
  encodeTxnResponse,
  encodeWatchResponse,
  mvccpb,
  rpcpb,
  type KeyValue,
  type ResponseHeader,
  type ResponseOp,
} from '../src/index.ts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { count, keyValue, responseHeader, signedId } from './support/arbitraries.ts';
import { generatedHeader, generatedKeyValue } from './support/to-generated.ts';

/** Responses of which the hot codec takes encoded parts, and the generated one the same parts as objects. */

const header = fc.option(responseHeader, { nil: undefined });
const keyValues = fc.array(keyValue, { maxLength: 5 });
const optionalKv = fc.option(keyValue, { nil: undefined });

interface RangeParts {
  header: ResponseHeader | undefined;
  kvs: KeyValue[];
  more: boolean;
  count: number;
}
interface PutParts {
  header: ResponseHeader | undefined;
  prevKv: KeyValue | undefined;
}
interface DeleteParts {
  header: ResponseHeader | undefined;
  deleted: number;
  prevKvs: KeyValue[];
}
interface TxnParts {
  header: ResponseHeader | undefined;
  succeeded: boolean;
  responses: OpParts[];
}
type OpParts =
  | { kind: 'range'; range: RangeParts }
  | { kind: 'put'; put: PutParts }
  | { kind: 'deleteRange'; deleteRange: DeleteParts }
  | { kind: 'txn'; txn: TxnParts };

const rangeParts: fc.Arbitrary<RangeParts> = fc.record({ header, kvs: keyValues, more: fc.boolean(), count });
const putParts: fc.Arbitrary<PutParts> = fc.record({ header, prevKv: optionalKv });
const deleteParts: fc.Arbitrary<DeleteParts> = fc.record({ header, deleted: count, prevKvs: keyValues });
const txnParts = fc.letrec<{ txn: TxnParts; op: OpParts }>((tie) => ({
  txn: fc.record({ header, succeeded: fc.boolean(), responses: fc.array(tie('op'), { maxLength: 4 }) }),
  op: fc.oneof(
    { maxDepth: 4 },
    rangeParts.map((range) => ({ kind: 'range' as const, range })),
    putParts.map((put) => ({ kind: 'put' as const, put })),
    deleteParts.map((deleteRange) => ({ kind: 'deleteRange' as const, deleteRange })),
    tie('txn').map((txn) => ({ kind: 'txn' as const, txn })),
  ),
})).txn;

test('a RangeResponse spliced of encoded parts has the bytes of the generated code', () => {
  fc.assert(
    fc.property(rangeParts, (parts) => {
      const generated = rpcpb.RangeResponse.encode(generatedRangeResponse(parts)).finish();
      expect(encodeRangeResponse(splicedRange(parts))).toEqual(generated);
    }),
  );
});

test('a chunk of a range stream has the bytes of the generated code', () => {
  fc.assert(
    fc.property(rangeParts, (parts) => {
      const rangeResponse = generatedRangeResponse(parts);
      const generated = rpcpb.RangeStreamResponse.encode({ rangeResponse }).finish();
      expect(encodeRangeStreamResponse(splicedRange(parts))).toEqual(generated);
    }),
  );
});

test('a PutResponse spliced of encoded parts has the bytes of the generated code', () => {
  fc.assert(
    fc.property(putParts, (parts) => {
      const generated = rpcpb.PutResponse.encode(generatedPutResponse(parts)).finish();
      expect(encodePutResponse(splicedPut(parts))).toEqual(generated);
    }),
  );
});

test('a DeleteRangeResponse spliced of encoded parts has the bytes of the generated code', () => {
  fc.assert(
    fc.property(deleteParts, (parts) => {
      const generated = rpcpb.DeleteRangeResponse.encode(generatedDeleteResponse(parts)).finish();
      expect(encodeDeleteRangeResponse(splicedDelete(parts))).toEqual(generated);
    }),
  );
});

test('a TxnResponse with nested transactions has the bytes of the generated code', () => {
  fc.assert(
    fc.property(txnParts, (parts) => {
      const generated = rpcpb.TxnResponse.encode(generatedTxnResponse(parts)).finish();
      const { responses, ...rest } = parts;
      expect(encodeTxnResponse({ ...rest, responses: responses.map(splicedOp) })).toEqual(generated);
    }),
  );
});

const event = fc.record({ type: fc.constantFrom(0, 1), kv: keyValue, prevKv: optionalKv });
const watchParts = fc.record({
  header: responseHeader,
  watchId: signedId,
  created: fc.boolean(),
  canceled: fc.boolean(),
  compactRevision: count,
  cancelReason: fc.string({ unit: 'grapheme' }),
  fragment: fc.boolean(),
  events: fc.array(event, { maxLength: 5 }),
});

test('a WatchResponse spliced of encoded events has the bytes of the generated code', () => {
  fc.assert(
    fc.property(watchParts, ({ events, ...parts }) => {
      const spliced = encodeWatchResponse({
        ...parts,
        events: events.map(({ type, kv, prevKv }) =>
          encodeEvent(type, encodeKeyValue(kv), prevKv && encodeKeyValue(prevKv)),
        ),
      });
      const generated = rpcpb.WatchResponse.encode({
        ...parts,
        header: generatedHeader(parts.header),
        compactRevision: BigInt(parts.compactRevision),
        events: events.map(({ type, kv, prevKv }) =>
          mvccpb.Event.fromPartial({
            type,
            kv: generatedKeyValue(kv),
            prevKv: prevKv && generatedKeyValue(prevKv),
          }),
        ),
      });
      expect(spliced).toEqual(generated.finish());
    }),
  );
});

function splicedRange({ kvs, ...rest }: RangeParts) {
  return { ...rest, kvs: kvs.map(encodeKeyValue) };
}

function splicedPut({ header, prevKv }: PutParts) {
  return { header, prevKv: prevKv && encodeKeyValue(prevKv) };
}

function splicedDelete({ prevKvs, ...rest }: DeleteParts) {
  return { ...rest, prevKvs: prevKvs.map(encodeKeyValue) };
}

function splicedOp(op: OpParts): ResponseOp {
  switch (op.kind) {
    case 'range':
      return { kind: 'range', range: splicedRange(op.range) };
    case 'put':
      return { kind: 'put', put: splicedPut(op.put) };
    case 'deleteRange':
      return { kind: 'deleteRange', deleteRange: splicedDelete(op.deleteRange) };
    case 'txn':
      return { kind: 'txn', txn: { ...op.txn, responses: op.txn.responses.map(splicedOp) } };
  }
}

function generatedRangeResponse({ header, kvs, more, count }: RangeParts): rpcpb.RangeResponse {
  return {
    header: header && generatedHeader(header),
    kvs: kvs.map(generatedKeyValue),
    more,
    count: BigInt(count),
  };
}

function generatedPutResponse({ header, prevKv }: PutParts): rpcpb.PutResponse {
  return { header: header && generatedHeader(header), prevKv: prevKv && generatedKeyValue(prevKv) };
}

function generatedDeleteResponse({ header, deleted, prevKvs }: DeleteParts): rpcpb.DeleteRangeResponse {
  return {
    header: header && generatedHeader(header),
    deleted: BigInt(deleted),
    prevKvs: prevKvs.map(generatedKeyValue),
  };
}

function generatedTxnResponse({ header, succeeded, responses }: TxnParts): rpcpb.TxnResponse {
  return { header: header && generatedHeader(header), succeeded, responses: responses.map(generatedOp) };
}

function generatedOp(op: OpParts): rpcpb.ResponseOp {
  switch (op.kind) {
    case 'range':
      return { response: { $case: 'responseRange', value: generatedRangeResponse(op.range) } };
    case 'put':
      return { response: { $case: 'responsePut', value: generatedPutResponse(op.put) } };
    case 'deleteRange': {
      const value = generatedDeleteResponse(op.deleteRange);
      return { response: { $case: 'responseDeleteRange', value } };
    }
    case 'txn':
      return { response: { $case: 'responseTxn', value: generatedTxnResponse(op.txn) } };
  }
}
