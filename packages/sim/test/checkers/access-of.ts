import { accessOfLogEntry, type Access } from '@quorate/auth';
import { raftRequestField, rpcpb } from '@quorate/wire';
import type { LoggedRequest } from '../../src/history/types.ts';
import { encodeDeleteRange, encodePut, encodeTxn } from '../../src/world/clients/to-wire.ts';

/** What applying a request demands, as members understand its bytes. */
export function accessOf(request: LoggedRequest): Access {
  switch (request.kind) {
    case 'put':
      return accessOfLogEntry(raftRequestField.put, encodePut(request));
    case 'deleteRange':
      return accessOfLogEntry(raftRequestField.deleteRange, encodeDeleteRange(request));
    case 'txn':
      return accessOfLogEntry(raftRequestField.txn, encodeTxn(request));
    case 'leaseRevoke':
      return accessOfLogEntry(
        raftRequestField.leaseRevoke,
        rpcpb.LeaseRevokeRequest.encode({ ID: request.id }).finish(),
      );
    case 'leaseGrant':
      return accessOfLogEntry(raftRequestField.leaseGrant, new Uint8Array(0));
    case 'compact':
      return accessOfLogEntry(raftRequestField.compaction, new Uint8Array(0));
  }
}
