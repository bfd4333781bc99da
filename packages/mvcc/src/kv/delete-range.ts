import type { DeleteRangeRequest, DeleteRangeResponseParts } from '@quorate/wire';
import { keyRange } from '@quorate/std';
import type { WriteTxn } from '../types.ts';
import { revisionHeader } from './revision-header.ts';

/** Applies a DeleteRange. The header holds only the revision: a new one when the transaction has changes. */
export function executeDeleteRange(txn: WriteTxn, request: DeleteRangeRequest): DeleteRangeResponseParts {
  const prevKvs = txn.deleteRange(keyRange(request.key, request.rangeEnd));
  return {
    header: revisionHeader(txn.currentRevision),
    deleted: prevKvs.length,
    prevKvs: request.prevKv ? prevKvs : [],
  };
}
