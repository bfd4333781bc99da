import { encodeConfState } from '@quorate/membership';
import { stageEtcdRows, type WriteChanges } from '@quorate/mvcc';
import {
  buckets,
  ChangeList,
  uint64ToBytes,
  type BackendRow,
  type Bucket,
  type BucketChange,
} from '@quorate/std';
import type { ConfState } from '@quorate/wire';
import { metaKeys } from './backend-writer.ts';

/**
 * Fills empty buckets with those of a database in etcd's format, in batches. What `meta` says of the log is that of the
 * database: `positionChanges` comes after it.
 *
 * @throws DamagedRowError for rows that etcd would not have written, and whatever `rowsOf` and `write` throw
 */
export async function importStore(
  rowsOf: (bucket: Bucket) => AsyncIterable<readonly BackendRow[]>,
  write: WriteChanges,
): Promise<void> {
  for (const bucket of buckets) {
    if (bucket === 'key') {
      await stageEtcdRows(rowsOf('key'), write);
      continue;
    }
    for await (const rows of rowsOf(bucket)) {
      const list = new ChangeList();
      for (const [key, value] of rows) list.put(bucket, key, value);
      await write(list.changes);
    }
  }
}

/** Which entry of the log a store stands for, and the configuration as of it. */
export interface StorePosition {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

/** The rows of `meta` that say so. */
export function positionChanges({ index, term, confState }: StorePosition): readonly BucketChange[] {
  const list = new ChangeList();
  list.put('meta', metaKeys.consistentIndex, uint64ToBytes(BigInt(index)));
  list.put('meta', metaKeys.term, uint64ToBytes(BigInt(term)));
  list.put('meta', metaKeys.confState, encodeConfState(confState));
  return list.changes;
}
