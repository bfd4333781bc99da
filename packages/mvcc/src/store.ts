import { invariant, type BackendReader, type BucketChanges } from '@quorate/std';
import { Compaction, scheduledCompactKey } from './compaction.ts';
import { CompactedError, FutureRevisionError } from './errors.ts';
import { readHistory, type History, type HistoryOptions } from './history.ts';
import { KeyIndex } from './key-index.ts';
import { KeyValueFields } from './key-value-bytes.ts';
import { KeyValuesHash, StoredHashes, type RevisionHash } from './key-values-hash.ts';
import { rangeAt, rangeNewest, type RangeQuery } from './range-reader.ts';
import { ReadBudget } from './read-budget.ts';
import { restore } from './restore.ts';
import { encodeRevisionKey } from './revision-key.ts';
import { defaultTuning, RevisionLog, type MvccTuning, type RevisionScan } from './revision-log.ts';
import { RevisionSet } from './revision-set.ts';
import { decodeImage, encodeImage, type ImageBlock, type LeasedKeys } from './store-image.ts';
import type {
  Key,
  KeyRange,
  LeaseAttachments,
  RangeOptions,
  RangeResult,
  ReadView,
  WriteTxn,
} from './types.ts';
import { StoreTxn, type TxnHost } from './write-txn.ts';

/** What a store stands on. */
export interface MvccStoreOptions {
  /**
   * Where the rows are: a backend, or a stage, on which the store goes on when it is installed. The store reads
   * it; what it writes goes through `BucketChanges`.
   */
  readonly backend: BackendReader;
  /** Told which key hangs on which lease; at `open`, of all live keys. */
  readonly leases?: LeaseAttachments;
  /** What `image` gave of a store whose rows the backend holds, and nothing since: it opens without reading the rows. */
  readonly image?: AsyncIterable<ImageBlock>;
  /** Memory for the newest values; 128 MiB by default. What does not fit is read from the backend. */
  readonly valueBudgetBytes?: number;
  /** Lets other work run between two slices of a hash; at once by default. */
  readonly yieldToLoop?: () => Promise<void>;
  readonly tuning?: Partial<MvccTuning>;
}

/** A hash of the store, as HashKV answers it. */
export interface HashKvResult extends RevisionHash {
  readonly currentRevision: number;
}

/** See DESIGN.md, "Figures", for what less and more would cost. */
const defaultValueBudgetBytes = 128 * 1024 * 1024;
const defaultHistoryBytes = 1024 * 1024;
/** A store that nobody has written to is at this revision. */
const firstRevision = 1;

/**
 * The revisioned key-value store of a member. All of it is synchronous but `open` and `hashKv`; it writes
 * nothing itself: `drain`, `scheduleCompaction` and `compactSlice` say what must be stored.
 *
 * The changes of one such call belong into one atomic batch, and batches are stored in the order of the calls.
 */
export class MvccStore implements ReadView {
  readonly #index: KeyIndex;
  readonly #log: RevisionLog;
  readonly #host: TxnHost;
  readonly #yieldToLoop: () => Promise<void>;
  #currentRevision = firstRevision;
  #compactedRevision = -1;
  #sizeBytes = 0;
  #droppedCount = 0;
  /** The newest main revision in the index: above the current one while a transaction has changes. */
  #newestRevision = 0;
  #txnOpen = false;
  readonly #compactions: Compaction[] = [];
  readonly #hashes = new StoredHashes();
  #hashesRunning = 0;

  /**
   * Reads the backend, or an image; a compaction that was not finished is taken up again by `compactSlice`.
   *
   * @throws DamagedRowError; DamagedImageError when it is the image that is of no use, no lease has got a key then
   */
  static async open(options: MvccStoreOptions): Promise<MvccStore> {
    const store = new MvccStore(options);
    const { backend, leases, image } = options;
    if (image === undefined) await store.#restore(backend, leases);
    else await store.#restoreImage(image, backend, leases);
    return store;
  }

  private constructor(options: MvccStoreOptions) {
    const { backend, leases, valueBudgetBytes = defaultValueBudgetBytes, yieldToLoop, tuning } = options;
    this.#index = new KeyIndex();
    this.#log = new RevisionLog(backend, this.#index.versions, valueBudgetBytes, {
      ...defaultTuning,
      ...tuning,
    });
    this.#yieldToLoop = yieldToLoop ?? (async () => {});
    this.#host = this.#makeHost(leases);
  }

  async #restore(backend: BackendReader, leases: LeaseAttachments | undefined): Promise<void> {
    const restored = await restore(backend, this.#index, this.#log, {
      leases,
      onAdd: (version) => this.#added(version),
    });
    const { lastRevision, finished, scheduled } = restored;
    this.#currentRevision = Math.max(firstRevision, lastRevision, finished, scheduled);
    this.#compactedRevision = Math.max(finished, scheduled);
    if (scheduled > finished) this.#enqueueCompaction(scheduled, undefined);
  }

  async #restoreImage(
    image: AsyncIterable<ImageBlock>,
    backend: BackendReader,
    leases: LeaseAttachments | undefined,
  ): Promise<void> {
    const head = await decodeImage(image, { index: this.#index, log: this.#log }, backend, leases);
    this.#currentRevision = head.currentRevision;
    this.#newestRevision = head.newestRevision;
    this.#compactedRevision = head.compactedRevision;
    this.#sizeBytes = head.sizeBytes;
  }

  /** The newest revision that is visible; 1 in a fresh store. */
  get currentRevision(): number {
    return this.#currentRevision;
  }

  /** Reads below it fail; -1 when never compacted. */
  get compactedRevision(): number {
    return this.#compactedRevision;
  }

  /** Bytes of the keys and values that etcd's backend would hold for the revisions that the index knows. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** How many keys there are, the changes of an open transaction included. */
  get keyCount(): number {
    return this.#index.tree.liveCount;
  }

  /** Bytes of memory that values take now. */
  get valueMemoryBytes(): number {
    return this.#log.slabs.bytes;
  }

  range(range: KeyRange, options: RangeOptions = {}): RangeResult {
    return this.#read(range, options, this.#currentRevision);
  }

  latest(key: Key): Uint8Array | undefined {
    return this.#bytesAt(key, this.#currentRevision);
  }

  /** The encoded KeyValue of a key as of a revision; undefined when it was absent, or that is compacted. */
  at(key: Key, revision: number): Uint8Array | undefined {
    return revision < this.#compactedRevision ? undefined : this.#bytesAt(key, revision);
  }

  /** Opens the one write transaction. */
  beginWrite(): WriteTxn {
    invariant(!this.#txnOpen, 'there is at most one write transaction at a time');
    this.#txnOpen = true;
    return new StoreTxn(this.#host, this.#currentRevision, this.#compactedRevision);
  }

  /**
   * The changes of the revisions from `from` to `to`, in order, cut only between revisions.
   *
   * @throws CompactedError when `from` is below the compacted revision
   */
  history(options: HistoryOptions): History {
    const { from, maxRevisions = Infinity, maxBytes = defaultHistoryBytes } = options;
    const compacted = this.#compactedRevision;
    if (from < compacted) throw new CompactedError(from, compacted);
    const to = Math.min(options.to ?? Infinity, this.#currentRevision);
    return readHistory(this.#index, this.#log, { from, to, maxRevisions, maxBytes, compacted });
  }

  /** Writes down all revisions since the last drain; returns the token of the batch for `markFlushed`. */
  drain(changes: BucketChanges): number {
    invariant(!this.#txnOpen, 'an open transaction is not drained');
    return this.#log.drain(changes);
  }

  /** The batch that was drained with this token is stored, and all before it. */
  markFlushed(token: number): void {
    this.#log.rows.markFlushed(token);
  }

  /**
   * Packs keys that nobody asked for since the last round; to be called now and then, for about a millisecond. In a
   * small store there is nothing to gain.
   */
  packIdleKeys(): void {
    invariant(!this.#txnOpen, 'an open transaction has its place in the tree');
    const { packVisits, packsMax, packedFrom } = this.#log.tuning;
    const { tree } = this.#index;
    if (tree.keyCount >= packedFrom) tree.packIdle({ visits: packVisits, packs: packsMax });
  }

  /**
   * What `open` needs to open this store without reading its rows, once all that was drained is stored; undefined while
   * a compaction is at work. Nothing may be written to the store before the last block was taken; it may be read.
   */
  image(leases: LeasedKeys): Iterable<ImageBlock> | undefined {
    invariant(!this.#txnOpen, 'an image is none of an open transaction');
    if (this.hasCompaction) return undefined;
    const head = {
      currentRevision: this.#currentRevision,
      newestRevision: this.#newestRevision,
      compactedRevision: this.#compactedRevision,
      sizeBytes: this.#sizeBytes,
    };
    return encodeImage({ index: this.#index, log: this.#log }, head, leases);
  }

  /**
   * Compacts at `revision`: older revisions cannot be read from now on, and go with the slices to come.
   *
   * @throws CompactedError, FutureRevisionError
   */
  scheduleCompaction(revision: number, changes: BucketChanges): void {
    if (revision <= this.#compactedRevision) throw new CompactedError(revision, this.#compactedRevision);
    if (revision > this.#currentRevision) throw new FutureRevisionError(revision, this.#currentRevision);
    // So that a compaction only ever meets revisions that are in rows.
    this.drain(changes);
    changes.put('meta', scheduledCompactKey, encodeRevisionKey(revision, 0));
    this.#enqueueCompaction(revision, this.#compactedRevision);
    this.#compactedRevision = revision;
  }

  /** Revisions that compactions have removed since the store was opened. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  /** Whether `compactSlice` has something to clean. */
  get hasCompaction(): boolean {
    return this.#compactions.length > 0;
  }

  /**
   * Cleans for about a millisecond; true when work remains. It waits for a running `hashKv`: it then does
   * nothing and returns true.
   */
  compactSlice(changes: BucketChanges): boolean {
    invariant(!this.#txnOpen, 'a compaction waits for the open transaction');
    const compaction = this.#compactions[0];
    if (compaction === undefined) return false;
    if (this.#hashesRunning > 0) return true;
    if (compaction.slice(changes)) return true;
    this.#compactions.shift();
    if (compaction.result !== undefined) this.#hashes.add(compaction.result);
    return this.#compactions.length > 0;
  }

  /**
   * etcd's HashKV at a revision (0 is the current one), or the hash that a compaction at it has left. Works in
   * slices, and does not see what is written meanwhile.
   *
   * @throws CompactedError, FutureRevisionError
   */
  async hashKv(revision: number): Promise<HashKvResult> {
    const stored = this.#hashes.of(revision);
    if (stored !== undefined) return { ...stored, currentRevision: this.#currentRevision };
    const current = this.#currentRevision;
    const compacted = this.#compactedRevision;
    if (revision > 0 && revision < compacted) throw new CompactedError(revision, compacted);
    if (revision > current) throw new FutureRevisionError(revision, current);
    const hashRevision = revision === 0 ? current : revision;
    this.#hashesRunning++;
    try {
      const hash = await this.#hash(hashRevision, compacted);
      return { hash, compactRevision: compacted, hashRevision, currentRevision: current };
    } finally {
      this.#hashesRunning--;
    }
  }

  /**
   * Continues a CRC-32C over bucket `key` as etcd would hold it: its name, then the key and value of every
   * revision. For Maintenance.Hash; like `hashKv` in slices and as of now.
   */
  async hashAll(crc: number): Promise<number> {
    this.#hashesRunning++;
    try {
      const hidden = new HiddenRevisions(new RevisionSet(), this.#compactions);
      return await this.#hashRevisions(new KeyValuesHash(crc), {
        to: this.#currentRevision,
        isHidden: (scan) => hidden.has(scan.main, scan.sub),
      });
    } finally {
      this.#hashesRunning--;
    }
  }

  /** Walks everything. @throws InvariantError */
  checkInvariants(): void {
    this.#index.checkInvariants();
    this.#log.slabs.checkInvariants();
    let size = 0;
    this.#index.walk(undefined, Infinity, (head) => {
      for (let id = Math.abs(head); id !== 0; id = this.#index.versions.older(id)) {
        size += this.#index.storedBytes(id);
        invariant(
          this.#log.bytesOf(id).length === this.#index.versions.size(id),
          'every version can be read',
        );
      }
    });
    invariant(size === this.#sizeBytes, 'the size of the store is that of its versions');
    invariant(
      this.#newestRevision <= this.#currentRevision + (this.#txnOpen ? 1 : 0),
      'no revision is unseen',
    );
    invariant(this.#compactedRevision <= this.#currentRevision, 'a compaction is not in the future');
  }

  #read(range: KeyRange, options: RangeOptions, currentRevision: number): RangeResult {
    const {
      revision = 0,
      limit = 0,
      countOnly = false,
      countsOnlyPage = false,
      workMax = Infinity,
    } = options;
    if (revision > currentRevision) throw new FutureRevisionError(revision, currentRevision);
    if (revision > 0 && revision < this.#compactedRevision) {
      throw new CompactedError(revision, this.#compactedRevision);
    }
    if (!(range.start < range.endExclusive)) return { kvs: [], count: 0 };
    const at = revision > 0 ? revision : currentRevision;
    const query: RangeQuery = {
      range,
      limit: limit > 0 ? limit : Infinity,
      countOnly,
      countsOnlyPage,
      budget: new ReadBudget(workMax),
    };
    return at >= this.#newestRevision
      ? rangeNewest(this.#index, this.#log, query)
      : rangeAt(this.#index, this.#log, at, query);
  }

  #bytesAt(key: Key, revision: number): Uint8Array | undefined {
    const { tree } = this.#index;
    tree.seek(key);
    const version = this.#index.at(tree.head, revision);
    return version === 0 ? undefined : this.#log.bytesOf(version);
  }

  /** What transactions see of the store; made once, so that a put makes no closures. */
  #makeHost(leases: LeaseAttachments | undefined): TxnHost {
    return {
      index: this.#index,
      log: this.#log,
      leases,
      before: new KeyValueFields(),
      counts: { createRevision: 0, modRevision: 0, version: 0 },
      read: (range, options, currentRevision) => this.#read(range, options, currentRevision),
      added: (version) => this.#added(version),
      ended: (revision) => {
        this.#currentRevision = revision;
        this.#txnOpen = false;
      },
    };
  }

  #added(version: number): void {
    this.#newestRevision = this.#index.versions.main(version);
    this.#sizeBytes += this.#index.storedBytes(version);
  }

  #enqueueCompaction(revision: number, previous: number | undefined): void {
    const onDrop = (version: number): void => {
      this.#sizeBytes -= this.#index.storedBytes(version);
      this.#droppedCount++;
    };
    this.#compactions.push(new Compaction(this.#index, this.#log, { revision, previous, onDrop }));
  }

  async #hash(revision: number, compacted: number): Promise<number> {
    const hidden = await this.#hiddenFromHash(revision, compacted);
    return this.#hashRevisions(new KeyValuesHash(), {
      to: revision,
      isHidden: ({ main, sub, tombstone }) =>
        (main <= compacted && hidden.has(main, sub)) || (tombstone && main === compacted),
    });
  }

  async #hashRevisions(
    hash: KeyValuesHash,
    { to, isHidden }: { readonly to: number; readonly isHidden: (scan: RevisionScan) => boolean },
  ): Promise<number> {
    const { sliceBytes } = this.#log.tuning;
    for (let main = 0, sub = 0, more = true; more;) {
      const scan = this.#log.scan(main, sub);
      more = false;
      for (let count = 0; scan.next() && scan.main <= to; count++) {
        if (count > 0 && scan.cost >= sliceBytes) {
          more = true;
          break;
        }
        if (!isHidden(scan)) hash.add(scan);
      }
      main = scan.main;
      sub = scan.sub;
      if (more) await this.#yieldToLoop();
    }
    return hash.value;
  }

  /** The revisions up to the compacted one that do not count in a hash. */
  async #hiddenFromHash(revision: number, compacted: number): Promise<HiddenRevisions> {
    const hidden = new RevisionSet();
    const cleaned = new RevisionSet();
    let anyCounts = false;
    const bounds = { revision: compacted, readRevision: revision };
    const visit = (head: number): void => {
      if (this.#index.collectHidden(head, bounds, hidden, cleaned)) anyCounts = true;
    };
    let key: Key | undefined;
    do {
      key = this.#index.walk(key, this.#log.tuning.sliceKeys, visit);
      if (key !== undefined) await this.#yieldToLoop();
    } while (key !== undefined);
    // As etcd: when nothing counts, nothing is hidden but what the compaction takes away.
    return new HiddenRevisions(anyCounts ? hidden : cleaned, this.#compactions);
  }
}

/** What a hash passes over: its own list, and what compactions have dropped but not yet cleaned out of rows. */
class HiddenRevisions {
  readonly #listed: RevisionSet;
  readonly #compactions: readonly Compaction[];

  constructor(listed: RevisionSet, compactions: readonly Compaction[]) {
    this.#listed = listed;
    this.#compactions = compactions;
  }

  has(main: number, sub: number): boolean {
    if (this.#listed.has(main, sub)) return true;
    return this.#compactions.some((compaction) => compaction.dropped.has(main, sub));
  }
}
