import { crc32c, fromLatin1 } from '@quorate/std';
import { encodeKeyValue, type EventType } from '@quorate/wire';
import { encodeRevisionKey } from '../revision-key.ts';
import type { Key, KeyRange, RangeOptions, RangeResult } from '../types.ts';

/** One revision of one key. */
export interface ModelVersion {
  readonly key: Key;
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
  readonly createRevision: number;
  readonly version: number;
  readonly lease: bigint;
  /** As watchers and readers get it. */
  readonly kv: Uint8Array;
}

/**
 * What the store should do, written down as plainly as it goes: a list of all versions, walked for everything.
 * Compaction follows etcd's generations, one list of revisions for each life of a key.
 */
export class ModelStore {
  currentRevision = 1;
  compactedRevision = -1;
  versions: ModelVersion[] = [];
  /** Hashes that compactions left, the last ten. */
  storedHashes: { hash: number; compactRevision: number; hashRevision: number }[] = [];
  #txn: ModelVersion[] = [];

  /** Sets a key in the open transaction; returns the version before. */
  put(key: Key, value: Uint8Array, lease: bigint): ModelVersion | undefined {
    const prev = this.at(key, this.txnRevision);
    const main = this.currentRevision + 1;
    const createRevision = prev?.createRevision ?? main;
    const version = (prev?.version ?? 0) + 1;
    const kv = encodeKeyValue({
      key: fromLatin1(key),
      createRevision,
      modRevision: main,
      version,
      value,
      lease,
    });
    this.#txn.push({
      key,
      main,
      sub: this.#txn.length,
      tombstone: false,
      createRevision,
      version,
      lease,
      kv,
    });
    return prev;
  }

  /** Deletes keys in the open transaction; returns the versions before. */
  deleteRange(range: KeyRange): ModelVersion[] {
    const prevs = this.live(range, this.txnRevision);
    const main = this.currentRevision + 1;
    for (const { key } of prevs) {
      const kv = encodeKeyValue({
        key: fromLatin1(key),
        createRevision: 0,
        modRevision: main,
        version: 0,
        value: new Uint8Array(0),
        lease: 0n,
      });
      const sub = this.#txn.length;
      this.#txn.push({ key, main, sub, tombstone: true, createRevision: 0, version: 0, lease: 0n, kv });
    }
    return prevs;
  }

  /** Ends the open transaction; returns its changes. */
  end(): readonly ModelVersion[] {
    const changes = this.#txn;
    this.#txn = [];
    if (changes.length > 0) this.currentRevision++;
    this.versions.push(...changes);
    return changes;
  }

  /** What a read within the open transaction sees. */
  get txnRevision(): number {
    return this.currentRevision + (this.#txn.length > 0 ? 1 : 0);
  }

  /** A key as of a revision. */
  at(key: Key, revision: number): ModelVersion | undefined {
    const last = [...this.versions, ...this.#txn].findLast(
      (version) => version.key === key && version.main <= revision,
    );
    return last?.tombstone === true ? undefined : last;
  }

  /** The keys that live at a revision, in order. */
  live(range: KeyRange, revision: number): ModelVersion[] {
    const keys = [...new Set([...this.versions, ...this.#txn].map((version) => version.key))].sort();
    return keys
      .filter((key) => key >= range.start && key < range.endExclusive)
      .map((key) => this.at(key, revision))
      .filter((version) => version !== undefined);
  }

  /** A range read, with `revision` within what can be read. */
  range(range: KeyRange, options: RangeOptions, currentRevision: number): RangeResult {
    const { revision = 0, limit = 0, countOnly = false } = options;
    const found = this.live(range, revision > 0 ? revision : currentRevision);
    const kvs = found.map((version) => version.kv).slice(0, limit > 0 ? limit : undefined);
    return { kvs: countOnly ? [] : kvs, count: found.length };
  }

  /** What changed in the revisions from `from` to `to`. */
  history(from: number, to: number): { type: EventType; key: Key; revision: number; kv: Uint8Array }[] {
    return this.versions
      .filter((version) => version.main >= from && version.main <= to)
      .map(({ tombstone, key, main, kv }) => ({ type: tombstone ? 1 : 0, key, revision: main, kv }));
  }

  /** Compacts at once; `withHash` is false for one that was interrupted. */
  compact(revision: number, withHash = true): void {
    const kept = this.#keptBy(revision);
    if (withHash) {
      const compactRevision = this.compactedRevision;
      const hash = this.#hash(revision, compactRevision, kept);
      this.storedHashes = [...this.storedHashes, { hash, compactRevision, hashRevision: revision }].slice(
        -10,
      );
    }
    this.compactedRevision = revision;
    this.versions = this.versions.filter((version) => version.main > revision || kept.has(version));
  }

  /** etcd's HashKV. */
  hashKv(revision: number): { hash: number; compactRevision: number; hashRevision: number } {
    const stored = this.storedHashes.find((hash) => hash.hashRevision === revision);
    if (stored !== undefined) return stored;
    const hashRevision = revision === 0 ? this.currentRevision : revision;
    const kept = new Set([...this.#keptBy(hashRevision)].filter((version) => !version.tombstone));
    const compactRevision = this.compactedRevision;
    return { hash: this.#hash(hashRevision, compactRevision, kept), compactRevision, hashRevision };
  }

  /** Bytes of the keys and values that etcd's backend would hold. */
  get sizeBytes(): number {
    return this.versions.reduce(
      (sum, version) => sum + backendKey(version).length + stored(version).length,
      0,
    );
  }

  #keptBy(revision: number): Set<ModelVersion> {
    const kept = new Set<ModelVersion>();
    for (const key of new Set(this.versions.map((version) => version.key))) {
      const newest = newestOfGeneration(generationsOf(this.versions, key), revision);
      if (newest !== undefined) kept.add(newest);
    }
    return kept;
  }

  #hash(revision: number, compacted: number, kept: ReadonlySet<ModelVersion>): number {
    let hash = crc32c(fromLatin1('key'));
    for (const version of this.versions) {
      if (version.main > revision) continue;
      if (version.main <= compacted && kept.size > 0 && !kept.has(version)) continue;
      if (version.tombstone && version.main === compacted) continue;
      hash = crc32c(stored(version), crc32c(backendKey(version), hash));
    }
    return hash;
  }
}

/** The lives of a key, each a list of versions that ends with the tombstone; the last may be open. */
function generationsOf(versions: readonly ModelVersion[], key: Key): ModelVersion[][] {
  const generations: ModelVersion[][] = [[]];
  for (const version of versions) {
    if (version.key !== key) continue;
    generations.at(-1)?.push(version);
    if (version.tombstone) generations.push([]);
  }
  return generations;
}

/**
 * In the first generation that did not end before `revision`, the newest version at or below it. A generation
 * that ends at the revision in which the next begins counts as ended: no request of etcd's API can make one.
 */
function newestOfGeneration(generations: ModelVersion[][], revision: number): ModelVersion | undefined {
  const first = generations.find((generation, i) => {
    const last = generation.at(-1);
    const next = generations[i + 1];
    if (last === undefined || next === undefined) return true;
    return last.main > revision || (last.main === revision && next[0]?.main !== revision);
  });
  return first?.findLast((version) => version.main <= revision);
}

function backendKey({ main, sub, tombstone }: ModelVersion): Uint8Array {
  return encodeRevisionKey(main, sub, tombstone);
}

/** etcd keeps of a tombstone only the key field. */
function stored({ tombstone, key, kv }: ModelVersion): Uint8Array {
  if (!tombstone) return kv;
  return encodeKeyValue({
    key: fromLatin1(key),
    createRevision: 0,
    modRevision: 0,
    version: 0,
    value: new Uint8Array(0),
    lease: 0n,
  });
}
