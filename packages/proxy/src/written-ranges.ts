import type { rpcpb } from '@quorate/wire';

const noEnd = new Uint8Array(0);

/** Keys as requests name them. */
export interface WrittenRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** All that a transaction may write, whichever way its conditions go. */
export function writtenRanges({ success, failure }: rpcpb.TxnRequest): readonly WrittenRange[] {
  return [...success, ...failure].flatMap(({ request }) => {
    switch (request?.$case) {
      case 'requestPut':
        return [{ key: request.value.key, rangeEnd: noEnd }];
      case 'requestDeleteRange':
        return [request.value];
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
