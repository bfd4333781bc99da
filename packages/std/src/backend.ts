/**
 * The durable store of a member, as its parts see it: etcd's buckets of sorted byte keys, changed in atomic
 * batches. The parts say what changed; `replica` gathers it, adds the consistent index and writes one batch.
 */

/** etcd's buckets (reference: backend buckets of etcd's database). */
export type Bucket =
  | 'alarm'
  | 'auth'
  | 'authRoles'
  | 'authUsers'
  | 'cluster'
  | 'key'
  | 'lease'
  | 'members'
  | 'members_removed'
  | 'meta';

/** All of them, in the byte order of their names: that in which etcd hashes and snapshots have them. */
export const buckets: readonly Bucket[] = [
  'alarm',
  'auth',
  'authRoles',
  'authUsers',
  'cluster',
  'key',
  'lease',
  'members',
  'members_removed',
  'meta',
];

/**
 * Where a part writes down what it changed. The bytes are lent until the batch is stored, by which time whoever keeps them
 * has made copies.
 */
export interface BucketChanges {
  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void;
  delete(bucket: Bucket, key: Uint8Array): void;
}

/** One change of a batch; `value` undefined deletes the key. */
export interface BucketChange {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** A list of changes in the order they were made. */
export class ChangeList implements BucketChanges {
  readonly changes: BucketChange[] = [];

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    this.changes.push({ bucket, key, value });
  }

  delete(bucket: Bucket, key: Uint8Array): void {
    this.changes.push({ bucket, key, value: undefined });
  }
}

/** A row of a bucket. */
export type BackendRow = readonly [key: Uint8Array, value: Uint8Array];

/** Bounds of a scan; absent ones are open. */
export interface ScanRange {
  readonly start?: Uint8Array;
  readonly endExclusive?: Uint8Array;
}

/** What can be read of the buckets. */
export interface BackendReader {
  /**
   * One value, now, as of the last completed `write`; undefined when the key is absent. Owned by the caller.
   * Synchronous, since apply may not wait; costs tens of microseconds on disk, so it is for values that
   * memory no longer holds.
   */
  get(bucket: Bucket, key: Uint8Array): Uint8Array | undefined;

  /** The rows of a bucket in key order as of the call, in slices of a few hundred; rows are owned by the caller. */
  scan(bucket: Bucket, range?: ScanRange): AsyncIterable<readonly BackendRow[]>;
}

/** All buckets as they were at one moment, however they go on. Disposing it lets go of what it pins. */
export interface BackendSnapshot extends AsyncDisposable {
  /** The rows of a bucket in key order; any number of scans, side by side and one after the other. */
  scan(bucket: Bucket, range?: ScanRange): AsyncIterable<readonly BackendRow[]>;
}

/**
 * A whole second set of buckets being filled beside the present one, which it then replaces in one atomic step.
 * It can be read while it is filled, and what was opened on it goes on working after `install`.
 */
export interface StagedBackend extends BackendReader {
  /** Applies all changes or none. What was staged counts for nothing before `seal`, after which nobody writes. */
  write(changes: readonly BucketChange[]): Promise<void>;
  /** Makes what was staged survive a crash: `Backend.sealedStage` finds it after the next start. */
  seal(): Promise<void>;
  /**
   * Only after `seal`: makes these the buckets of the backend, durably and at once, a crash leaving the one or
   * the other whole. What was there before is removed in the background, but snapshots of it stay readable, and
   * scans of it go on. A write to the backend that was called for before this is in the buckets that go, one
   * called for after it in these.
   */
  install(): Promise<void>;
  /** Throws away what was staged; nobody may read it any more. Once it is installed, does nothing. */
  discard(): Promise<void>;
}

/** The buckets on disk (or in memory, for tests). */
export interface Backend extends BackendReader, AsyncDisposable {
  /**
   * Applies all changes or none; later changes of a key win. Without `sync` a crash of the machine may lose
   * the newest batches (in order, none torn); with it, this batch and all before it survive.
   */
  write(changes: readonly BucketChange[], options: { readonly sync: boolean }): Promise<void>;

  /** The buckets as of the last completed `write`. */
  snapshot(): BackendSnapshot;

  /** Begins a new set of buckets, empty; one that was begun before is thrown away. */
  stage(): Promise<StagedBackend>;

  /** What was sealed before a crash and not installed; undefined when there is no such thing. */
  sealedStage(): Promise<StagedBackend | undefined>;

  /** Bytes that the store takes on disk, approximately. */
  sizeBytes(): number;
}
