import { crc32c, invariant, toLatin1, type BackendReader } from '@quorate/std';
import { finishedCompactKey, readRevision, scheduledCompactKey } from './compaction.ts';
import { DamagedImageError } from './errors.ts';
import type { KeyIndex } from './key-index.ts';
import type { PackedLeaf } from './packed-leaf.ts';
import type { RevisionLog } from './revision-log.ts';
import type { Rows } from './rows.ts';
import type { Key, LeaseAttachments } from './types.ts';
import { VarintReader, varintSize, writeVarint } from './varint.ts';
import type { VersionExtent } from './version-table.ts';

/**
 * An image of a store: what `restore` makes of the rows, but for the values, in blocks that are read and copied
 * rather than worked out. See DESIGN.md, "Image".
 */
export interface ImageBlock {
  /** One of `blockKind`. */
  readonly kind: number;
  readonly bytes: Uint8Array;
}

/** Blocks of an image come in the order of their kinds. */
const blockKind = { head: 1, versions: 2, rows: 3, leaves: 4, leases: 5, end: 6 } as const;

/** Bytes at which a block of leaves or leases ends. */
const blockBytes = 256 * 1024;

/** The head's numbers, as doubles in the order of this machine. */
const headFields = [
  'currentRevision',
  'newestRevision',
  'compactedRevision',
  'sizeBytes',
  'unused',
  'free',
  'count',
  'rows',
] as const;
/** What is known at the end only, as doubles in the order of this machine. */
const endFields = ['nextSlab', 'lastRowCrc'] as const;

/** What a store is beside its index, its rows and its leases. */
export type ImageHead = Readonly<Record<(typeof headFields)[number], number>>;
type ImageEnd = Readonly<Record<(typeof endFields)[number], number>>;

/** The keys that hang on leases. */
export type LeasedKeys = Iterable<readonly [lease: bigint, keys: Iterable<Key>]>;

/** The parts that an image is made of, or fills. */
export interface ImageParts {
  readonly index: KeyIndex;
  readonly log: RevisionLog;
}

/**
 * The blocks of an image, each as of when it is asked for. Nothing may be written to the store before the last one was
 * taken. It may be read: a value that is got from a row meanwhile gives its version a place in a new slab, so that only
 * at the end is it known from which number on no version has a place.
 *
 * @throws DamagedRowError when the last row is
 */
export function* encodeImage(
  { index, log }: ImageParts,
  head: Omit<ImageHead, keyof VersionExtent | 'rows'>,
  leases: LeasedKeys,
): Generator<ImageBlock> {
  invariant(log.undrained.length === 0, 'all revisions of an image are in rows');
  const { versions, tree } = index;
  const { rows, slabs } = log;
  const all: ImageHead = { ...head, ...versions.extent, rows: rows.directory.rowCount };
  yield { kind: blockKind.head, bytes: encodeNumbers(headFields, all) };
  for (const bytes of versions.pages()) yield { kind: blockKind.versions, bytes };
  for (const bytes of rows.directory.pieces()) yield { kind: blockKind.rows, bytes };
  yield* inBlocks(blockKind.leaves, tree.packedLeaves());
  yield* inBlocks(blockKind.leases, encodeLeases(leases));
  const end: ImageEnd = { nextSlab: slabs.nextId, lastRowCrc: lastRowCrc(rows, all.rows) };
  yield { kind: blockKind.end, bytes: encodeNumbers(endFields, end) };
}

/**
 * Fills an empty index and log from the blocks of an image, and attaches the keys to their leases at the end. The bytes
 * of blocks are kept.
 *
 * @throws DamagedImageError when it is not whole, or not of these rows: what was filled is then of no use
 */
export async function decodeImage(
  blocks: AsyncIterable<ImageBlock>,
  parts: ImageParts,
  backend: BackendReader,
  leases: LeaseAttachments | undefined,
): Promise<ImageHead> {
  try {
    const decoder = new ImageDecoder(parts);
    for await (const block of blocks) decoder.add(block);
    const { head, end } = decoder.finish();
    checkBackend(head, end, parts.log, backend);
    for (const [lease, key] of decoder.leased) leases?.attach(lease, key);
    return head;
  } catch (error) {
    if (error instanceof DamagedImageError) throw error;
    throw new DamagedImageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

class ImageDecoder {
  readonly leased: [lease: bigint, key: Key][] = [];
  readonly #parts: ImageParts;
  readonly #leaves: PackedLeaf[] = [];
  #head: ImageHead | undefined;
  #end: ImageEnd | undefined;
  #kind = 0;

  constructor(parts: ImageParts) {
    this.#parts = parts;
  }

  add({ kind, bytes }: ImageBlock): void {
    const { index, log } = this.#parts;
    const isOver = this.#end !== undefined;
    if (isOver || kind < this.#kind || (this.#head === undefined) !== (kind === blockKind.head)) {
      throw new DamagedImageError('its blocks are not in order');
    }
    this.#kind = kind;
    if (kind === blockKind.head) this.#head = decodeNumbers(headFields, bytes);
    else if (kind === blockKind.versions)
      check(index.versions.addPage(bytes), 'a page of versions has a wrong size');
    else if (kind === blockKind.rows) log.rows.directory.addPiece(bytes);
    else if (kind === blockKind.leaves) for (const item of itemsOf(bytes)) this.#leaves.push(item);
    else if (kind === blockKind.leases)
      for (const item of itemsOf(bytes)) this.leased.push(decodeLease(item));
    else if (kind === blockKind.end) this.#end = decodeNumbers(endFields, bytes);
    else throw new DamagedImageError('a block is of no known kind');
  }

  finish(): { readonly head: ImageHead; readonly end: ImageEnd } {
    const { index, log } = this.#parts;
    if (this.#head === undefined || this.#end === undefined)
      throw new DamagedImageError('its end is missing');
    check(index.versions.resume(this.#head), 'versions are missing');
    check(log.rows.directory.rowCount === this.#head.rows, 'rows are missing');
    index.tree.buildPacked(this.#leaves);
    log.slabs.startAt(this.#end.nextSlab);
    return { head: this.#head, end: this.#end };
  }
}

/** An image is of the rows as they were last written: no compaction since, and its first and last rows are the same. */
function checkBackend(head: ImageHead, end: ImageEnd, { rows }: RevisionLog, backend: BackendReader): void {
  const { compactedRevision } = head;
  check(readRevision(backend, finishedCompactKey) === compactedRevision, 'the store was compacted since');
  check(readRevision(backend, scheduledCompactKey) === compactedRevision, 'a compaction was begun since');
  if (head.rows > 0) rows.load(0);
  check(lastRowCrc(rows, head.rows) === end.lastRowCrc, 'its last row is another one');
}

/** Stores of other histories may have rows of the same revisions; the last one, at least, is not the same. */
function lastRowCrc(rows: Rows, count: number): number {
  return count === 0 ? 0 : crc32c(rows.load(count - 1));
}

function encodeNumbers<F extends string>(
  fields: readonly F[],
  values: Readonly<Record<F, number>>,
): Uint8Array {
  return new Uint8Array(Float64Array.from(fields, (field) => values[field]).buffer);
}

function decodeNumbers<F extends string>(fields: readonly F[], bytes: Uint8Array): Record<F, number> {
  check(
    bytes.length === fields.length * Float64Array.BYTES_PER_ELEMENT,
    'a block of numbers has a wrong size',
  );
  const numbers = new Float64Array(bytes.slice().buffer);
  // Each field is given its number.
  return Object.fromEntries(fields.map((field, i) => [field, numbers[i]])) as Record<F, number>;
}

/** Items one behind the other, each with its size as a varint before it. */
function* inBlocks(kind: number, items: Iterable<Uint8Array>): Generator<ImageBlock> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  for (const item of items) {
    gathered.push(item);
    size += varintSize(item.length) + item.length;
    if (size < blockBytes) continue;
    yield { kind, bytes: joined(gathered, size) };
    gathered = [];
    size = 0;
  }
  if (size > 0) yield { kind, bytes: joined(gathered, size) };
}

function joined(items: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const item of items) {
    at = writeVarint(item.length, bytes, at);
    bytes.set(item, at);
    at += item.length;
  }
  return bytes;
}

function* itemsOf(bytes: Uint8Array): Generator<Uint8Array> {
  const reader = new VarintReader(bytes);
  while (reader.offset < bytes.length) {
    const size = reader.next();
    const end = reader.offset + size;
    check(end <= bytes.length, 'a block ends within an item');
    yield bytes.subarray(reader.offset, end);
    reader.offset = end;
  }
}

/** A lease in eight bytes, and the key that hangs on it. */
function* encodeLeases(leases: LeasedKeys): Generator<Uint8Array> {
  for (const [lease, keys] of leases) {
    for (const key of keys) {
      const item = new Uint8Array(8 + key.length);
      new DataView(item.buffer).setBigInt64(0, lease);
      for (let i = 0; i < key.length; i++) item[8 + i] = key.charCodeAt(i);
      yield item;
    }
  }
}

function decodeLease(item: Uint8Array): [lease: bigint, key: Key] {
  const lease = new DataView(item.buffer, item.byteOffset, 8).getBigInt64(0);
  return [lease, toLatin1(item, 8)];
}

function check(condition: boolean, problem: string): void {
  if (!condition) throw new DamagedImageError(problem);
}
