import { equalBytes, invariant } from '@quorate/std';
import { encodePutRequest, encodeRangeRequest, type PutRequest, type RangeRequest } from '@quorate/wire';
import { keyOf, prefixes, singleKeys, singleKeySize, valueOf, valueSize } from './dataset.ts';
import { ReplyFields, revisionOf } from './reply-fields.ts';

/** The methods, as gRPC names them. */
export const rangePath = '/etcdserverpb.KV/Range';
export const putPath = '/etcdserverpb.KV/Put';
/** A put that says nothing yet. */
export const emptyPut: PutRequest = {
  key: new Uint8Array(0),
  value: new Uint8Array(0),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
};
/** A range that says nothing yet. */
export const emptyRange: RangeRequest = {
  key: new Uint8Array(0),
  rangeEnd: new Uint8Array(0),
  limit: 0,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

/** A put of each of the single keys, with the value that it has already. */
export function putRequests(): readonly Uint8Array[] {
  return Array.from({ length: singleKeys }, (_, n) =>
    encodePutRequest({
      ...emptyPut,
      key: keyOf(prefixes.single, n, singleKeySize),
      value: valueOf(n, valueSize),
    }),
  );
}

/** A get of each of the single keys. */
export function getRequests({ serializable }: { readonly serializable: boolean }): readonly Uint8Array[] {
  return Array.from({ length: singleKeys }, (_, n) =>
    encodeRangeRequest({ ...emptyRange, key: keyOf(prefixes.single, n, singleKeySize), serializable }),
  );
}

/** A stride coprime to the count of the single keys visits all of them, and no two neighbours one after the other. */
export const getStride = 3571;

/** A get of the n-th key that a fill has put. */
export function probeRequest(options: {
  readonly prefix: string;
  readonly index: number;
  readonly keySize: number;
  readonly serializable?: boolean;
}): Uint8Array {
  const { prefix, index, keySize, serializable = false } = options;
  return encodeRangeRequest({ ...emptyRange, key: keyOf(prefix, index, keySize), serializable });
}

/** Checks that the answer to a get holds one key with that value; returns the revision it was read at. */
export function checkGet(reply: Uint8Array, value: Uint8Array): number {
  const fields = new ReplyFields(reply);
  let count = 0;
  let values = 0;
  while (fields.next()) {
    if (fields.field === 4) count = fields.value;
    if (fields.field !== 2) continue;
    const kv = new ReplyFields(reply, fields.start, fields.end);
    while (kv.next()) {
      if (kv.field !== 5) continue;
      invariant(equalBytes(reply.subarray(kv.start, kv.end), value), 'a get returns the value that was put');
      values++;
    }
  }
  invariant(count === 1 && values === 1, 'a get of one key returns one key');
  return revisionOf(reply);
}
