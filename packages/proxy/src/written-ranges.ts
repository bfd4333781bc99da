import { keyRange, type KeyRange } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';

const noEnd = new Uint8Array(0);

/** All that a transaction may write, whichever way its conditions go. */
export function writtenRanges({ success, failure }: rpcpb.TxnRequest): readonly KeyRange[] {
  return [...success, ...failure].flatMap(({ request }) => {
    switch (request?.$case) {
      case 'requestPut':
        return [keyRange(request.value.key, noEnd)];
      case 'requestDeleteRange':
        return [keyRange(request.value.key, request.value.rangeEnd)];
      case 'requestTxn':
        return writtenRanges(request.value);
      case 'requestRange':
      case undefined:
        return [];
    }
  });
}

/** Whether a transaction writes in no case. */
export function isReadOnly(txn: rpcpb.TxnRequest): boolean {
  return writtenRanges(txn).length === 0;
}
