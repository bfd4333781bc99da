import { crc32c, fromLatin1, toHex, type BackendRow } from '@quorate/std';
import { CompactedError, DamagedRowError, FutureRevisionError } from './errors.ts';
import { isRevisionMark, keyOf } from './key-value-bytes.ts';
import { decodeRevisionKey, type RevisionKey } from './revision-key.ts';
import { RevisionSet } from './revision-set.ts';
import type { HashKvResult } from './store.ts';
import type { Key } from './types.ts';

/** What to hash of rows that nobody serves. */
export interface EtcdHashOptions {
  /** The newest revision that counts; 0 for the newest there is. */
  readonly revision: number;
  /** The newest compaction that bucket `meta` speaks of, asked for or finished; -1 for none. */
  readonly compactedRevision: number;
}

/** The newest versions of a key at or below the revision that is hashed, and the compacted one. */
interface Versions {
  atRevision: RevisionKey;
  atCompaction: RevisionKey | undefined;
}

/**
 * HashKV of the rows of etcd's bucket `key`, as `MvccStore.hashKv` gives it for the store that has them: for files and
 * stores that no member has open. Reads the rows twice, in order, and keeps the names of all keys meanwhile; where
 * nothing was ever compacted it keeps nothing.
 *
 * @param rows gives the same rows each time it is called
 * @throws CompactedError, FutureRevisionError, DamagedRowError
 */
export async function hashEtcdRows(
  rows: () => AsyncIterable<readonly BackendRow[]>,
  { revision, compactedRevision }: EtcdHashOptions,
): Promise<HashKvResult> {
  const compacted = compactedRevision;
  if (revision > 0 && revision < compacted) throw new CompactedError(revision, compacted);
  const survey = new Survey(revision === 0 ? Infinity : revision, compacted);
  for await (const slice of rows()) for (const row of slice) survey.add(row);
  const currentRevision = Math.max(1, survey.lastRevision, compacted);
  if (revision > currentRevision) throw new FutureRevisionError(revision, currentRevision);
  const hashRevision = revision === 0 ? currentRevision : revision;
  const counted = survey.counted();
  let hash = crc32c(fromLatin1('key'));
  for await (const slice of rows()) {
    for (const [key, value] of slice) {
      const { main, sub, tombstone } = decodedKey(key);
      if (main > hashRevision || (main <= compacted && !counted.has(main, sub))) continue;
      if (tombstone && main === compacted) continue;
      hash = crc32c(value, crc32c(key, hash));
    }
  }
  return { hash, compactRevision: compacted, hashRevision, currentRevision };
}

/** Finds out which revisions up to the compacted one count. */
class Survey {
  lastRevision = 0;
  readonly #revision: number;
  readonly #compacted: number;
  readonly #versions = new Map<Key, Versions>();

  constructor(revision: number, compacted: number) {
    this.#revision = revision;
    this.#compacted = compacted;
  }

  add([rowKey, value]: BackendRow): void {
    const version = decodedKey(rowKey);
    if (version.main < this.lastRevision) throw damaged(rowKey, 'it does not come after the row before it');
    this.lastRevision = version.main;
    if (this.#compacted < 0 || version.main > this.#revision) return;
    const key = keyOfRow(rowKey, value);
    const known = this.#versions.get(key);
    const atCompaction = version.main <= this.#compacted ? version : known?.atCompaction;
    if (known === undefined) this.#versions.set(key, { atRevision: version, atCompaction });
    else Object.assign(known, { atRevision: version, atCompaction });
  }

  /** Of the revisions up to the compacted one, those that a hash counts. */
  counted(): RevisionSet {
    const counted = new RevisionSet();
    let anyCounts = false;
    for (const { atRevision } of this.#versions.values()) {
      if (atRevision.tombstone) continue;
      anyCounts = true;
      if (atRevision.main <= this.#compacted) counted.add(atRevision.main, atRevision.sub);
    }
    // As etcd: where no key counts, nothing is passed over but what the compaction takes away.
    return anyCounts ? counted : this.#kept();
  }

  #kept(): RevisionSet {
    const kept = new RevisionSet();
    for (const { atCompaction: last } of this.#versions.values()) {
      if (last === undefined || (last.tombstone && last.main < this.#compacted)) continue;
      kept.add(last.main, last.sub);
    }
    return kept;
  }
}

function keyOfRow(rowKey: Uint8Array, value: Uint8Array): Key {
  if (isRevisionMark(value.length)) return '';
  try {
    return keyOf(value, 0);
  } catch (error) {
    throw damaged(rowKey, 'it holds no KeyValue', error);
  }
}

function decodedKey(rowKey: Uint8Array): RevisionKey {
  try {
    return decodeRevisionKey(rowKey);
  } catch (error) {
    throw damaged(rowKey, 'its key is no revision', error);
  }
}

function damaged(rowKey: Uint8Array, reason: string, cause?: unknown): DamagedRowError {
  return new DamagedRowError(toHex(rowKey), reason, { cause });
}
