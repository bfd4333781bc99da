import type { ResponseHeader } from '@quorate/wire';

/** A header that knows only the revision: as such inside a TxnResponse, to be completed everywhere else. */
export function revisionHeader(revision: number): ResponseHeader {
  return { clusterId: 0n, memberId: 0n, revision, raftTerm: 0 };
}
