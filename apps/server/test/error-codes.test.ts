import type { ReplicaErrorCode } from '@quorate/replica';
import type { DomainErrorCode } from '@quorate/rpc';
import { expectTypeOf, test } from 'vitest';

test('every code of a replica has a gRPC status; the alarm’s has a text of its own', () => {
  // The type check fails when a code is forgotten: rpc lies below replica and cannot name its codes.
  expectTypeOf<
    // The second one is for members only.
    Exclude<ReplicaErrorCode, 'REPLICA_INVALID_ALARM' | 'REPLICA_BAD_SNAPSHOT'>
  >().toExtend<DomainErrorCode>();
});
