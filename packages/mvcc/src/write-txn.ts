import { invariant, toLatin1 } from '@quorate/std';
import type { KeyIndex } from './key-index.ts';
import {
  KeyValueFields,
  putSize,
  tombstoneSize,
  writePut,
  writeTombstone,
  type PutCounts,
} from './key-value-bytes.ts';
import type { RevisionLog } from './revision-log.ts';
import type {
  Change,
  Key,
  KeyRange,
  LeaseAttachments,
  RangeOptions,
  RangeResult,
  ReadView,
  WriteTxn,
} from './types.ts';

/** What a transaction needs of its store. */
export interface TxnHost {
  readonly index: KeyIndex;
  readonly log: RevisionLog;
  readonly leases: LeaseAttachments | undefined;
  /** Of the key that is being changed: what it held, and the counters of what it gets. There is one transaction at a time. */
  readonly before: KeyValueFields;
  readonly counts: PutCounts;
  /** Reads with the changes of the open transaction, at `currentRevision` or below. */
  read(range: KeyRange, options: RangeOptions, currentRevision: number): RangeResult;
  added(version: number): void;
  ended(revision: number): void;
}

/** The one open transaction. It writes to the index at once; readers outside look at the revision before it. */
export class StoreTxn implements WriteTxn, ReadView {
  readonly #host: TxnHost;
  readonly #main: number;
  readonly compactedRevision: number;
  readonly #changes: Change[] = [];
  #open = true;

  constructor(host: TxnHost, currentRevision: number, compactedRevision: number) {
    this.#host = host;
    this.#main = currentRevision + 1;
    this.compactedRevision = compactedRevision;
  }

  get currentRevision(): number {
    return this.#changes.length > 0 ? this.#main : this.#main - 1;
  }

  range(range: KeyRange, options: RangeOptions = {}): RangeResult {
    return this.#host.read(range, options, this.currentRevision);
  }

  latest(key: Key): Uint8Array | undefined {
    const { tree } = this.#host.index;
    tree.seek(key);
    return tree.head > 0 ? this.#host.log.bytesOf(tree.head) : undefined;
  }

  put(key: Uint8Array, value: Uint8Array, lease: bigint): Uint8Array | undefined {
    invariant(this.#open, 'a transaction that has ended takes no more changes');
    const { index, log, counts } = this.#host;
    const text = toLatin1(key);
    index.tree.seek(text);
    const head = index.tree.head;
    const prev = head > 0 ? log.bytesOf(head) : undefined;
    this.#count(prev);
    const size = putSize(key, value, counts, lease);
    log.slabs.reserve(size);
    const { roomBytes, roomOffset } = log.slabs;
    const end = writePut(key, value, counts, lease, roomBytes, roomOffset);
    invariant(end === roomOffset + size, 'a KeyValue takes the bytes it was sized for');
    const version = this.#add(text, head, false, size);
    this.#moveLease(text, prev !== undefined, lease);
    const prevOfRevision = this.#prevOfRevision(head, prev);
    this.#changes.push({ type: 0, key: text, kv: log.bytesOf(version), prev: prevOfRevision });
    return prev;
  }

  deleteRange(range: KeyRange): readonly Uint8Array[] {
    invariant(this.#open, 'a transaction that has ended takes no more changes');
    const prevs: Uint8Array[] = [];
    for (const key of this.#liveKeys(range)) prevs.push(this.#delete(key));
    return prevs;
  }

  end(): { readonly revision: number; readonly changes: readonly Change[] } {
    invariant(this.#open, 'a transaction ends once');
    this.#open = false;
    const revision = this.currentRevision;
    this.#host.ended(revision);
    return { revision, changes: this.#changes };
  }

  #delete(key: Key): Uint8Array {
    const { index, log } = this.#host;
    index.tree.seek(key);
    const head = index.tree.head;
    const prev = log.bytesOf(head);
    this.#count(prev);
    const size = tombstoneSize(key.length, this.#main);
    log.slabs.reserve(size);
    writeTombstone(key, this.#main, log.slabs.roomBytes, log.slabs.roomOffset);
    const version = this.#add(key, head, true, size);
    this.#moveLease(key, true, 0n);
    const prevOfRevision = this.#prevOfRevision(head, prev);
    this.#changes.push({ type: 1, key, kv: log.bytesOf(version), prev: prevOfRevision });
    return prev;
  }

  /** What a key held at the revision before this one, which is not `prev` where this transaction changed the key. */
  #prevOfRevision(head: number, prev: Uint8Array | undefined): Uint8Array | undefined {
    const { index, log } = this.#host;
    if (head === 0 || index.versions.main(Math.abs(head)) !== this.#main) return prev;
    const before = index.at(head, this.#main - 1);
    return before === 0 ? undefined : log.bytesOf(before);
  }

  /** Counters of the KeyValue that comes after `prev`; leaves the fields of `prev` in `before`. */
  #count(prev: Uint8Array | undefined): void {
    const { before, counts } = this.#host;
    counts.modRevision = this.#main;
    if (prev === undefined) {
      counts.createRevision = this.#main;
      counts.version = 1;
      return;
    }
    before.read(prev, 0, prev.length);
    counts.createRevision = before.createRevision;
    counts.version = before.version + 1;
  }

  /** Enters the version whose KeyValue was written to the reserved room; the tree's cursor is at the key. */
  #add(key: Key, head: number, tombstone: boolean, size: number): number {
    const { index, log } = this.#host;
    const { versions } = index;
    const older = Math.abs(head);
    const version = versions.add(this.#main, this.#changes.length, tombstone, older);
    log.slabs.take(version, size, true);
    log.undrained.push(version);
    if (older !== 0) {
      versions.markSuperseded(older);
      if (head > 0 && !versions.isUndrained(older)) log.slabs.release(older);
    }
    index.tree.setHead(key, tombstone ? -version : version, this.#main);
    this.#host.added(version);
    return version;
  }

  #moveLease(key: Key, existed: boolean, lease: bigint): void {
    const { before } = this.#host;
    const had = existed && before.hasLease;
    if (!had && lease === 0n) return;
    const old = had ? before.lease() : 0n;
    if (old === lease) return;
    if (old !== 0n) this.#host.leases?.detach(old, key);
    if (lease !== 0n) this.#host.leases?.attach(lease, key);
  }

  #liveKeys({ start, endExclusive }: KeyRange): Key[] {
    const { tree } = this.#host.index;
    const keys: Key[] = [];
    if (!(start < endExclusive)) return keys;
    tree.seek(start);
    let leaf = tree.leaf;
    for (let position = tree.position; ; position++) {
      if (position >= leaf.keys.length) {
        if (leaf.next === undefined) return keys;
        leaf = leaf.next;
        position = -1;
        continue;
      }
      const key = leaf.keys[position]!;
      if (!(key < endExclusive)) return keys;
      if (leaf.heads[position]! > 0) keys.push(key);
    }
  }
}
