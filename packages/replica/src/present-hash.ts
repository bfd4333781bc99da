import type { HashKvResult, MvccStore } from '@quorate/mvcc';
import { ReplicaError } from './errors.ts';

/**
 * HashKV of the store of the moment. A hash is made in slices; one that was under way when a snapshot of the
 * leader took the store's place has seen rows of both, and says nothing of either.
 *
 * @throws CompactedError, FutureRevisionError; ReplicaError REPLICA_LEADER_CHANGED when the store was replaced
 */
export async function hashPresentStore(
  state: { readonly store: Pick<MvccStore, 'hashKv'> },
  revision: number,
): Promise<HashKvResult> {
  const { store } = state;
  let found: HashKvResult | undefined;
  let failure: unknown;
  try {
    found = await store.hashKv(revision);
  } catch (error) {
    failure = error;
  }
  if (state.store !== store) throw new ReplicaError('REPLICA_LEADER_CHANGED', { cause: failure });
  if (found === undefined) throw failure;
  return found;
}
