import {
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
} from '@quorate/wire';
import { executeDeleteRange } from '../../src/kv/delete-range.ts';
import { executePut } from '../../src/kv/put.ts';
import { executeRange } from '../../src/kv/range.ts';
import { executeReadOnlyTxn, executeTxn, isReadOnlyTxn } from '../../src/kv/txn.ts';
import { validateDeleteRange, validatePut, validateRange, validateTxn } from '../../src/kv/validate.ts';
import type { ReadView, WriteTxn } from '../../src/types.ts';
import type { Operation } from './arbitraries.ts';
import { codeOf, leases } from './requests.ts';

/** A store as these tests need it. */
export interface KvStore extends ReadView {
  begin(): WriteTxn;
}

/** An encoded response without the parts of a header that differ from member to member, or an error's code. */
export type Answer = Uint8Array | string;

/** Does what a server does with a request: checks, chooses between reading and writing, answers. */
export function answer(store: KvStore, operation: Operation): Answer {
  let response: Uint8Array = new Uint8Array(0);
  const code = codeOf(() => {
    response = run(store, operation);
  });
  return code ?? response;
}

function run(store: KvStore, operation: Operation): Uint8Array {
  switch (operation.kind) {
    case 'range':
      validateRange(operation.range);
      return encodeRangeResponse(executeRange(store, operation.range));
    case 'put':
      validatePut(operation.put);
      return encodePutResponse(inTxn(store, (txn) => executePut(txn, operation.put, leases)));
    case 'deleteRange':
      validateDeleteRange(operation.deleteRange);
      return encodeDeleteRangeResponse(inTxn(store, (txn) => executeDeleteRange(txn, operation.deleteRange)));
    case 'txn':
      validateTxn(operation.txn, { maxTxnOps: 128 });
      if (isReadOnlyTxn(operation.txn)) return encodeTxnResponse(executeReadOnlyTxn(store, operation.txn));
      return encodeTxnResponse(inTxn(store, (txn) => executeTxn(txn, operation.txn, leases)));
  }
}

function inTxn<T>(store: KvStore, action: (txn: WriteTxn) => T): T {
  const txn = store.begin();
  try {
    return action(txn);
  } finally {
    txn.end();
  }
}
