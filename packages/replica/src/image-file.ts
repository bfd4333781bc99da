import { DamagedImageError, type ImageBlock } from '@quorate/mvcc';
import { concatBytes, crc32c, equalBytes, fromLatin1 } from '@quorate/std';
import { DiskError, type Disk, type DiskFile } from '@quorate/wal';

/**
 * The file of a store's image, written when a member stops and read when it starts again:
 *
 *      0        8
 *      +--------+-------------------------+---------------------+--------+------------+--------+
 *      | magic  | blocks, one behind the  | table               | size   | CRC-32C    | magic  |
 *      |        | other                   |                     | of it  | of it      |        |
 *      +--------+-------------------------+---------------------+--------+------------+--------+
 *
 *      table    index and term of the entry that the store stands for, as doubles; byte order mark; of each
 *               block: kind, size, CRC-32C
 *
 * Numbers are 32 bits and little-endian but for the byte order mark, which tells whose memory the blocks are copies of.
 * What is cut, damaged, or of another entry than the backend stands for is never used. Hence nobody waits for the disk
 * when it is written: should a crash take it away in part, that shows.
 */
const magic = fromLatin1('QUORIMG2');
const positionSize = 2 * Float64Array.BYTES_PER_ELEMENT;
const blocksOffset = positionSize + 4;
const entrySize = 3 * 4;
const tailSize = 4 + 4 + magic.length;
/**
 * What an image leaves free of its disk: two segments of the log, the one that a start fills with zeros and the next, and as
 * much again for the store. A start without an image is slow; one without room for its log is none.
 */
const reserveBytes = 256 * 1024 * 1024;
/** After so many bytes what is free is asked for again: others write, too. */
const askAgainBytes = 8 * 1024 * 1024;
/** These four bytes in the order of this machine. */
const byteOrderMark = new Uint8Array(Uint32Array.of(0x0a0b_0c0d).buffer);

/** The entry of the log that a store stands for. */
export interface ImagePosition {
  readonly index: number;
  readonly term: number;
}

interface TableEntry {
  readonly kind: number;
  readonly size: number;
  readonly crc: number;
}

/** There is no room for an image: what is free of the disk is for what a member cannot do without. */
export class NoRoomError extends Error {
  override readonly name = 'NoRoomError';

  constructor() {
    super('it would leave less than 256 MiB free on the disk');
  }
}

/**
 * Writes an image in the place of the one that is there, if any. When that fails, nothing is left of what was begun: on a
 * disk that is full it would be what the next start has no room for.
 *
 * @throws NoRoomError before the disk has less than a reserve free; DiskError, and what the blocks throw
 */
export async function writeImageFile(
  disk: Disk,
  path: string,
  position: ImagePosition,
  blocks: Iterable<ImageBlock>,
): Promise<void> {
  const building = buildingPath(path);
  await removeIfThere(disk, building);
  const file = await disk.open(building, 'create');
  try {
    try {
      await writeBlocks(file, position, blocks, new Room(disk, building));
    } finally {
      await file.close();
    }
    await disk.rename(building, path);
  } catch (error) {
    await removeIfThere(disk, building).catch(() => {}); // The next start tries again.
    throw error;
  }
}

/**
 * Removes an image, and one that was never finished; durably as far as the next start is concerned, since one that comes
 * back is of another entry. @throws DiskError
 */
export async function removeImageFile(disk: Disk, path: string): Promise<void> {
  await removeIfThere(disk, path);
  await removeIfThere(disk, buildingPath(path));
}

/** An image that lies ready. */
export interface OpenedImage extends AsyncDisposable {
  readonly position: ImagePosition;
  /** To be gone through once. @throws DamagedImageError, DiskError */
  readonly blocks: AsyncIterable<ImageBlock>;
}

/** Opens an image; undefined when there is none. @throws DamagedImageError, DiskError */
export async function openImageFile(disk: Disk, path: string): Promise<OpenedImage | undefined> {
  let file: DiskFile;
  try {
    file = await disk.open(path, 'read');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const { position, entries } = await readTable(file);
    const blocks = readBlocks(file, entries);
    return { position, blocks, [Symbol.asyncDispose]: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function buildingPath(path: string): string {
  return `${path}.tmp`;
}

async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

async function writeBlocks(
  file: DiskFile,
  position: ImagePosition,
  blocks: Iterable<ImageBlock>,
  room: Room,
): Promise<void> {
  let offset = 0;
  const append = async (bytes: Uint8Array): Promise<void> => {
    await room.take(bytes.length);
    await file.write(offset, bytes);
    offset += bytes.length;
  };
  await append(magic);
  const entries: TableEntry[] = [];
  for (const { kind, bytes } of blocks) {
    entries.push({ kind, size: bytes.length, crc: crc32c(bytes) });
    await append(bytes);
  }
  await append(encodeTable(position, entries));
}

/** What may be written on a disk until it has but its reserve. */
class Room {
  readonly #disk: Disk;
  readonly #path: string;
  /** Of what was free when that was asked for last. */
  #left = 0;

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** Takes room for so many bytes. @throws NoRoomError, DiskError */
  async take(size: number): Promise<void> {
    if (size > this.#left) {
      const room = (await this.#disk.freeBytes(this.#path)) - reserveBytes;
      if (room < size) throw new NoRoomError();
      this.#left = Math.min(room, Math.max(size, askAgainBytes));
    }
    this.#left -= size;
  }
}

function encodeTable({ index, term }: ImagePosition, entries: readonly TableEntry[]): Uint8Array {
  const table = new Uint8Array(blocksOffset + entries.length * entrySize);
  const view = new DataView(table.buffer);
  view.setFloat64(0, index, true);
  view.setFloat64(8, term, true);
  table.set(byteOrderMark, positionSize);
  entries.forEach(({ kind, size, crc }, i) => {
    const at = blocksOffset + i * entrySize;
    view.setUint32(at, kind, true);
    view.setUint32(at + 4, size, true);
    view.setUint32(at + 8, crc, true);
  });
  const tail = new Uint8Array(tailSize);
  const tailView = new DataView(tail.buffer);
  tailView.setUint32(0, table.length, true);
  tailView.setUint32(4, crc32c(table), true);
  tail.set(magic, 8);
  return concatBytes([table, tail]);
}

async function readTable(
  file: DiskFile,
): Promise<{ readonly position: ImagePosition; readonly entries: readonly TableEntry[] }> {
  const size = await file.size();
  check(size >= magic.length + tailSize, 'the file is cut off');
  const tail = await file.read(size - tailSize, tailSize);
  const head = await file.read(0, magic.length);
  check(equalBytes(head, magic) && equalBytes(tail.subarray(8), magic), 'the file is cut off, or none');
  const tailView = viewOf(tail);
  const tableSize = tailView.getUint32(0, true);
  const tableOffset = size - tailSize - tableSize;
  check(tableSize >= blocksOffset && tableOffset >= magic.length, 'the size of its table is impossible');
  const table = await file.read(tableOffset, tableSize);
  check(crc32c(table) === tailView.getUint32(4, true), 'the checksum of its table does not match');
  check(
    equalBytes(table.subarray(positionSize, blocksOffset), byteOrderMark),
    'another kind of machine made it',
  );
  const view = viewOf(table);
  const entries: TableEntry[] = [];
  for (let at = blocksOffset; at + entrySize <= tableSize; at += entrySize) {
    entries.push({
      kind: view.getUint32(at, true),
      size: view.getUint32(at + 4, true),
      crc: view.getUint32(at + 8, true),
    });
  }
  const blocksSize = entries.reduce((sum, entry) => sum + entry.size, 0);
  check(magic.length + blocksSize === tableOffset, 'its blocks are not all there');
  return { position: { index: view.getFloat64(0, true), term: view.getFloat64(8, true) }, entries };
}

async function* readBlocks(file: DiskFile, entries: readonly TableEntry[]): AsyncGenerator<ImageBlock> {
  let offset = magic.length;
  // One block is read while the one before is worked on.
  let next = entries[0] === undefined ? undefined : file.read(offset, entries[0].size);
  for (const [i, { kind, size, crc }] of entries.entries()) {
    const bytes = await next;
    offset += size;
    const following = entries[i + 1];
    next = following === undefined ? undefined : file.read(offset, following.size);
    next?.catch(() => {}); // It is awaited in its turn, if nothing is wrong before.
    check(bytes?.length === size && crc32c(bytes) === crc, `the checksum of block ${i} does not match`);
    yield { kind, bytes: bytes! }; // Just checked.
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function isMissing(error: unknown): boolean {
  return error instanceof DiskError && error.code === 'ENOENT';
}

function check(condition: boolean, problem: string): void {
  if (!condition) throw new DamagedImageError(problem);
}
