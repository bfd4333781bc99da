import { BoltWriter, type BoltBucket } from '@quorate/bolt';
import { etcdRowsOf } from '@quorate/mvcc';
import { buckets, type BackendSnapshot } from '@quorate/std';

/** The store as a file of etcd's: its size is known before the first byte. The snapshot stays the caller's. */
export function exportStore(
  snapshot: BackendSnapshot,
  options: { readonly yieldToLoop: () => Promise<void> },
): Promise<BoltWriter> {
  const sources = buckets.map((bucket): BoltBucket => ({
    name: bucket,
    rows: () => (bucket === 'key' ? etcdRowsOf(snapshot) : snapshot.scan(bucket)),
  }));
  return BoltWriter.plan(sources, options);
}
