import { unboundedEnd, type MvccStore } from '@quorate/mvcc';

/** What a history asks of a store. */
export type CompactedStore = Pick<MvccStore, 'compactedRevision' | 'range'>;

/** A revision that the store was compacted at. */
export interface NotedCompaction {
  readonly revision: number;
  /** How often peers answered and not all could be compared. */
  openCount: number;
}

/** As many as stores remember the hashes of; older ones could not be compared. */
const compactionsMax = 10;

/**
 * How often a compaction is compared before it is given up. A peer that was restarted has no hash of its own
 * compaction any more and hashes everything for an answer that can't be compared: it is not asked that for ever.
 */
const openCountMax = 5;

/** Which compactions of a store were not yet found to be the same on all members. */
export class CompactionHistory {
  #store: CompactedStore | undefined;
  /** Ascending. */
  #noted: NotedCompaction[] = [];
  #newestRevision = 0;
  #verifiedRevision = 0;

  /** The newest compacted revision that is the same on all members; 0 for none. */
  get verifiedRevision(): number {
    return this.#verifiedRevision;
  }

  /** Looks whether the store was compacted. Call it often. What was noted of another store is forgotten. */
  note(store: CompactedStore): void {
    if (store !== this.#store) {
      this.#store = store;
      this.#noted = [];
      this.#newestRevision = this.#verifiedRevision;
    }
    const revision = store.compactedRevision;
    if (revision <= this.#newestRevision) return;
    this.#newestRevision = revision;
    if (!isTelling(store, revision)) return;
    this.#noted.push({ revision, openCount: 0 });
    if (this.#noted.length > compactionsMax) this.#noted.shift();
  }

  /** Newest first. */
  unverified(): readonly NotedCompaction[] {
    return this.#noted.toReversed();
  }

  /** All members are the same there; what is older needs no look. */
  verified({ revision }: NotedCompaction): void {
    this.#verifiedRevision = Math.max(this.#verifiedRevision, revision);
    this.#noted = this.#noted.filter((compaction) => compaction.revision > this.#verifiedRevision);
  }

  /** Not all members could be compared there; it is looked at again, but not for ever. */
  leftOpen(compaction: NotedCompaction): void {
    compaction.openCount++;
    if (compaction.openCount >= openCountMax) this.forget(compaction);
  }

  forget(compaction: NotedCompaction): void {
    this.#noted = this.#noted.filter((noted) => noted !== compaction);
  }
}

/**
 * Whether equal data has equal hashes at a revision that is not compacted away. Where no key is there, the hash of a
 * member that compacted at the revision and that of one that did not differ, in etcd too, once there was an earlier
 * compaction: the first leaves out what that one made invisible, and the second counts it.
 */
export function isTelling(store: CompactedStore, revision: number): boolean {
  if (store.compactedRevision <= 0) return true;
  const all = { start: '', endExclusive: unboundedEnd };
  return store.range(all, { revision, countOnly: true }).count > 0;
}
