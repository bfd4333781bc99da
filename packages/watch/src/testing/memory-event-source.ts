import { fromLatin1 } from '@quorate/std';
import { encodeKeyValue } from '@quorate/wire';
import type { EventSource, HistoryChange, HistoryOptions, HistorySlice, Key, LiveChange } from '../index.ts';

/** One operation of a transaction. */
export type TestOp =
  | { readonly op: 'put'; readonly key: Key; readonly value?: string }
  | { readonly op: 'delete'; readonly key: Key };

interface Version {
  readonly revision: number;
  readonly kv: Uint8Array;
  readonly isDelete: boolean;
  readonly createRevision: number;
  readonly version: number;
}

/** A store that forgets nothing but what it is told to compact, simple enough to be believed. Starts at revision 1. */
export class MemoryEventSource implements EventSource {
  currentRevision = 1;
  compactedRevision = -1;
  /** How often history was read. */
  reads = 0;
  #changes: HistoryChange[] = [];
  readonly #versions = new Map<Key, Version[]>();

  /** Applies a transaction; returns its changes, none when it changes nothing. */
  txn(ops: readonly TestOp[]): LiveChange[] {
    const revision = this.currentRevision + 1;
    const changes: LiveChange[] = [];
    for (const op of ops) {
      const change = this.#apply(op, revision);
      if (change === undefined) continue;
      changes.push(change);
      this.#changes.push({ type: change.type, key: change.key, revision, kv: change.kv });
    }
    if (changes.length > 0) this.currentRevision = revision;
    return changes;
  }

  put(key: Key, value = 'v'): LiveChange[] {
    return this.txn([{ op: 'put', key, value }]);
  }

  delete(key: Key): LiveChange[] {
    return this.txn([{ op: 'delete', key }]);
  }

  /** Forgets history below a revision. */
  compact(revision: number): void {
    this.compactedRevision = revision;
    this.#changes = this.#changes.filter((change) => change.revision >= revision);
  }

  history({ from, to, maxRevisions = Infinity, maxBytes = Infinity }: HistoryOptions): HistorySlice {
    if (from < this.compactedRevision) throw new RangeError('history is compacted there');
    if (from > this.currentRevision) throw new RangeError('history is not made there');
    this.reads++;
    const last = Math.min(to ?? this.currentRevision, this.currentRevision);
    const changes: HistoryChange[] = [];
    let bytes = 0;
    for (let i = this.#positionOf(from); i < this.#changes.length; i++) {
      const change = this.#changes[i]!;
      if (change.revision > last) break;
      if (change.revision !== changes.at(-1)?.revision) {
        const isFull = change.revision - from >= maxRevisions || bytes >= maxBytes;
        if (isFull && changes.length > 0) return { changes, next: change.revision };
      }
      bytes += change.kv.length;
      changes.push(change);
    }
    return { changes, next: last + 1 };
  }

  at(key: Key, revision: number): Uint8Array | undefined {
    if (revision < this.compactedRevision) return undefined;
    const version = this.#versions.get(key)?.findLast((v) => v.revision <= revision);
    return version === undefined || version.isDelete ? undefined : version.kv;
  }

  #positionOf(revision: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#changes[middle]!.revision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #apply(op: TestOp, revision: number): LiveChange | undefined {
    const versions = this.#versions.get(op.key) ?? [];
    const last = versions.at(-1);
    const live = last === undefined || last.isDelete ? undefined : last;
    if (op.op === 'delete' && live === undefined) return undefined;
    const isDelete = op.op === 'delete';
    const createRevision = isDelete ? 0 : (live?.createRevision ?? revision);
    const version = isDelete ? 0 : (live?.version ?? 0) + 1;
    const kv = encodeKeyValue({
      key: fromLatin1(op.key),
      createRevision,
      modRevision: revision,
      version,
      value: fromLatin1(op.op === 'put' ? (op.value ?? 'v') : ''),
      lease: 0n,
    });
    versions.push({ revision, kv, isDelete, createRevision, version });
    this.#versions.set(op.key, versions);
    return { type: isDelete ? 1 : 0, key: op.key, kv, prev: live?.kv };
  }
}
