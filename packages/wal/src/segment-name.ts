import { WalError } from './errors.ts';

/**
 * Segments are named `<sequence>-<index>.wal`, both as 16 hex digits: the how-manieth segment it is, and the
 * index that the next entry would have had when it was begun.
 */
export interface SegmentName {
  readonly name: string;
  readonly sequence: number;
  readonly index: number;
}

const pattern = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

/** The name of a segment. */
export function segmentName(sequence: number, index: number): string {
  return `${hex16(sequence)}-${hex16(index)}.wal`;
}

/** The parts of a segment's name; undefined for any other name. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = pattern.exec(name);
  if (match === null) return undefined;
  const sequence = Number(`0x${match[1]}`);
  const index = Number(`0x${match[2]}`);
  if (!Number.isSafeInteger(sequence) || !Number.isSafeInteger(index)) return undefined;
  return { name, sequence, index };
}

/** The segments among the names of a directory, oldest first; other names are passed over. */
export function segmentsOf(names: readonly string[]): SegmentName[] {
  const segments: SegmentName[] = [];
  for (const name of names) {
    const segment = parseSegmentName(name);
    if (segment !== undefined) segments.push(segment);
  }
  return segments.sort((a, b) => a.sequence - b.sequence || a.index - b.index);
}

/** The segments without a gap between them, up to the newest: a release cut short may leave older ones behind. */
export function consecutiveTail(segments: readonly SegmentName[]): SegmentName[] {
  let first = Math.max(0, segments.length - 1);
  while (first > 0 && segments[first - 1]!.sequence + 1 === segments[first]!.sequence) first--;
  return segments.slice(first);
}

/**
 * The segments that a reader needs which starts behind `index`: from the last one named at or below it.
 *
 * @throws WalError WAL_NOT_FOUND when all begin above `index`, WAL_SEGMENT_MISSING when one is missing.
 */
export function segmentsFrom(dir: string, segments: readonly SegmentName[], index: number): SegmentName[] {
  const first = segments.findLastIndex((segment) => segment.index <= index);
  if (first < 0) {
    throw new WalError('WAL_NOT_FOUND', `${dir} has no segment that begins at or below index ${index}`);
  }
  const needed = segments.slice(first);
  for (let i = 1; i < needed.length; i++) {
    const sequence = needed[i - 1]!.sequence + 1;
    if (needed[i]!.sequence !== sequence) {
      throw new WalError('WAL_SEGMENT_MISSING', `${dir} lacks the segment with sequence number ${sequence}`);
    }
  }
  return needed;
}

/** A number as etcd puts it into the names of files. */
export function hex16(value: number): string {
  return value.toString(16).padStart(16, '0');
}
