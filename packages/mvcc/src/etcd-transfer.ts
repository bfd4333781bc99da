import { ChangeList, toHex, type BackendRow, type BackendSnapshot, type BucketChange } from '@quorate/std';
import { DamagedRowError } from './errors.ts';
import { EtcdRowPacker, toEtcdRows, type RowLimits } from './etcd-rows.ts';
import { decodeRevisionKey } from './revision-key.ts';
import { defaultTuning } from './revision-log.ts';

/** What is handed out together has so many revisions, or bytes: half a millisecond of work. */
const sliceRevisions = 512;
const sliceBytes = 256 * 1024;
/** A batch is written when it has so many bytes, or rows. */
const batchBytes = 1024 * 1024;
const batchRows = 256;

/** Writes changes as one batch: `write` of a `StagedBackend`. */
export type WriteChanges = (changes: readonly BucketChange[]) => Promise<void>;

/**
 * The rows that etcd's own bucket `key` would have for this store, strictly ascending by their keys: one for each
 * revision, those included that a compaction at work has not cleaned away yet. Values are views of rows that are
 * read once and kept by nobody else.
 *
 * The other buckets hold the same rows in both formats, `meta` with what compactions note there included; who
 * copies a store copies them as they are.
 *
 * @throws DamagedRowError
 */
export async function* etcdRowsOf(
  snapshot: Pick<BackendSnapshot, 'scan'>,
): AsyncGenerator<readonly BackendRow[], void> {
  let slice: BackendRow[] = [];
  let bytes = 0;
  let last = { main: 0, sub: 0 };
  for await (const packedRows of snapshot.scan('key')) {
    for (const packed of packedRows) {
      const rows = toEtcdRows(packed);
      for (const [key] of rows) last = ascending(last, key);
      slice.push(...rows);
      bytes += packed[1].length;
      if (slice.length < sliceRevisions && bytes < sliceBytes) continue;
      yield slice;
      slice = [];
      bytes = 0;
    }
  }
  if (slice.length > 0) yield slice;
}

/**
 * Packs the rows of etcd's bucket `key`, strictly ascending, into rows of ours, and writes them in batches of
 * about a megabyte, one after the other: into an empty bucket `key`, which is the caller's to see to, as are all
 * other buckets (see `etcdRowsOf`). A store can be opened on them once `meta` is there as well.
 *
 * Other work runs while `rows` and `write` wait; where neither does, the caller has them yield.
 *
 * @throws DamagedRowError for what etcd would not have written, and whatever `rows` and `write` throw; batches
 * before it are written by then
 */
export async function stageEtcdRows(
  rows: AsyncIterable<readonly BackendRow[]>,
  write: WriteChanges,
  limits: RowLimits = defaultTuning,
): Promise<void> {
  const packer = new EtcdRowPacker(limits);
  let batch = new ChangeList();
  let bytes = 0;
  for await (const slice of rows) {
    for (const row of slice) {
      const packed = packer.add(row);
      if (packed === undefined) continue;
      batch.put('key', ...packed);
      bytes += packed[1].length;
      if (bytes < batchBytes && batch.changes.length < batchRows) continue;
      await write(batch.changes);
      batch = new ChangeList();
      bytes = 0;
    }
  }
  const packed = packer.finish();
  if (packed !== undefined) batch.put('key', ...packed);
  if (batch.changes.length > 0) await write(batch.changes);
}

/** The revision of a key that must come after another. */
function ascending(last: { main: number; sub: number }, key: Uint8Array): { main: number; sub: number } {
  const { main, sub } = decodeRevisionKey(key);
  if (main > last.main || (main === last.main && sub > last.sub)) return { main, sub };
  throw new DamagedRowError(toHex(key), 'it does not come after the revision before it');
}
