import { crc32c } from '@quorate/std';
import { decodeSnapshot, encodeSnapshot, snappb, WireError, type Snapshot } from '@quorate/wire';
import type { Disk } from './disk.ts';
import { removeIfThere } from './segment-file.ts';
import { hex16 } from './segment-name.ts';

/**
 * Files of raft snapshots, as etcd 3.5 to 3.7 write them beside the log, before the mark of the snapshot:
 *
 * ```
 * <term, 16 hex digits>-<index, 16 hex digits>.snap
 *   08 crc (varint)     CRC-32C of the bytes of the snapshot
 *   12 size snapshot    raftpb.Snapshot; its data is the v2 store as JSON
 * ```
 */

/** A place in the raft log that a snapshot stands for. */
interface SnapshotPlace {
  readonly index: number;
  readonly term: number;
}

/** A snapshot file that is empty, cut, or not what its checksum says. */
export class SnapFileError extends Error {
  override readonly name = 'SnapFileError';
  readonly code = 'SNAP_FILE_CORRUPT';

  constructor(path: string, problem: string, options?: ErrorOptions) {
    super(`${path} is no good snapshot: ${problem}`, options);
  }
}

/** The name of a snapshot's file. */
export function snapFileName({ term, index }: SnapshotPlace): string {
  return `${hex16(term)}-${hex16(index)}.snap`;
}

/** The bytes of a snapshot's file. */
export function encodeSnapFile(snapshot: Snapshot): Uint8Array {
  const data = encodeSnapshot(snapshot);
  return snappb.snapshot.encode({ crc: crc32c(data), data }).finish();
}

/**
 * The snapshot in the bytes of a file; its data is a view.
 *
 * @param path for the message of an error
 * @throws SnapFileError
 */
export function decodeSnapFile(bytes: Uint8Array, path: string): Snapshot {
  if (bytes.length === 0) throw new SnapFileError(path, 'it is empty');
  const { crc, data } = decodeEnvelope(bytes, path);
  // etcd takes a checksum of zero, one in 2^32, for none; so must we, who share its files.
  if (crc === 0 || data.length === 0) throw new SnapFileError(path, 'it has no checksum or no data');
  if (crc32c(data) !== crc) throw new SnapFileError(path, 'the checksum does not match');
  try {
    return decodeSnapshot(data);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new SnapFileError(path, error.message, { cause: error });
  }
}

/** Writes a snapshot's file, on disk when it resolves. @throws DiskError */
export async function saveSnapFile(disk: Disk, dir: string, snapshot: Snapshot): Promise<void> {
  const path = `${dir}/${snapFileName(snapshot)}`;
  await removeIfThere(disk, path);
  const file = await disk.open(path, 'create');
  try {
    await file.write(0, encodeSnapFile(snapshot));
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDir(dir);
}

/**
 * The newest good snapshot among those that the log has a mark of. A bad file is renamed to `<name>.broken`, and the
 * one before it is tried.
 *
 * @param marks what `Wal.validSnapshots` found, oldest first
 * @throws DiskError
 */
export async function loadNewestSnapFile(
  disk: Disk,
  dir: string,
  marks: readonly SnapshotPlace[],
): Promise<Snapshot | undefined> {
  const names = new Set(await disk.list(dir));
  for (const mark of marks.toReversed()) {
    const name = snapFileName(mark);
    if (!names.has(name)) continue;
    const path = `${dir}/${name}`;
    try {
      return decodeSnapFile(await readWhole(disk, path), path);
    } catch (error) {
      if (!(error instanceof SnapFileError)) throw error;
      await disk.rename(path, `${path}.broken`);
    }
  }
  return undefined;
}

function decodeEnvelope(bytes: Uint8Array, path: string): { crc: number; data: Uint8Array } {
  try {
    const { crc = 0, data = new Uint8Array(0) } = snappb.snapshot.decode(bytes);
    return { crc, data };
  } catch (error) {
    throw new SnapFileError(path, 'it is malformed', { cause: error });
  }
}

async function readWhole(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path, 'read');
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
}
