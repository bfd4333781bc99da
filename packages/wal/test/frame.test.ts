import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '@quorate/std';
import {
  encodeEntry,
  encodeHardState,
  encodeWalRecord,
  encodeWalSnapshot,
  type Entry,
  type EntryType,
} from '@quorate/wire';
import { parseSegmentName, recordType, segmentName } from '../src/index.ts';
import { FrameWriter } from '../src/frame-writer.ts';
import { lengthFieldSize, readLengthField, readRecordHead, writeLengthField } from '../src/frame.ts';
import { consecutiveTail, segmentsOf } from '../src/segment-name.ts';

const count = fc.maxSafeNat();
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const entryArbitrary = fc.record<Entry>({
  type: fc.constantFrom<EntryType[]>(0, 1, 2),
  term: count,
  index: count,
  data: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 100, maxLength: 400 })),
});

test('a frame is length, record and padding, with the checksum running over the data of all records', () => {
  fc.assert(
    fc.property(
      fc.array(entryArbitrary, { maxLength: 20 }),
      fc.record({ term: count, vote: uint64, commit: count }),
      fc.integer({ min: 0, max: 0xffffffff }),
      (entries, state, crcBefore) => {
        const mark = { index: 5, term: 2, confState: undefined };
        const writer = new FrameWriter(crcBefore);
        writer.addCrc();
        for (const entry of entries) writer.addEntry(entry);
        writer.addHardState(state);
        writer.addSnapshot(mark);
        const expected: number[] = [...frame(recordType.crc, crcBefore, undefined)];
        let crc = crcBefore;
        const add = (type: number, data: Uint8Array) => {
          crc = crc32c(data, crc);
          expected.push(...frame(type, crc, data));
        };
        for (const entry of entries) add(recordType.entry, encodeEntry(entry));
        add(recordType.state, encodeHardState(state));
        add(recordType.snapshot, encodeWalSnapshot(mark));
        expect([...writer.bytes]).toEqual(expected);
        expect(writer.crc).toBe(crc);
      },
    ),
  );
});

/** A frame by the book: nothing shared with the writer but the record's own codec. */
function frame(type: number, crc: number, data: Uint8Array | undefined): Uint8Array {
  const record = encodeWalRecord({ type, crc, data });
  const padding = (8 - (record.length % 8)) % 8;
  const bytes = new Uint8Array(8 + record.length + padding);
  const length = BigInt(record.length) | (padding === 0 ? 0n : BigInt(0x80 | padding) << 56n);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  bytes.set(record, 8);
  return bytes;
}

test('a buffer that grew for a huge save is used again, and given back when it is too large to keep', () => {
  const writer = new FrameWriter(0);
  const small: Entry = { type: 0, term: 1, index: 1, data: new Uint8Array(10) };
  for (const size of [100_000, 20_000_000, 10]) {
    writer.clear();
    writer.addEntry({ ...small, data: new Uint8Array(size).fill(7) });
    writer.addEntry(small);
    const first = readLengthField(writer.bytes, 0);
    const head = readRecordHead(writer.bytes, lengthFieldSize, lengthFieldSize + first);
    expect(head!.dataStart + head!.dataSize).toBe(lengthFieldSize + first);
    expect(first).toBeGreaterThan(size);
  }
});

test('a length field holds any size up to 2^53, and none that its padding belies', () => {
  const field = new Uint8Array(8);
  fc.assert(
    fc.property(
      fc.oneof(fc.nat(1 << 20), fc.maxSafeNat()),
      fc.integer({ min: 1, max: 255 }),
      (size, change) => {
        writeLengthField(size, field, 0);
        expect(readLengthField(field, 0)).toBe(size);
        field[7]! ^= change;
        expect(readLengthField(field, 0)).toBe(-1);
      },
    ),
  );
});

test('a record head is read as strictly as etcd writes it', () => {
  const read = (...bytes: number[]) => readRecordHead(Uint8Array.from(bytes), 0, bytes.length);
  expect(read(8, 4, 16, 0)).toEqual({ type: 4, crc: 0, dataStart: 4, dataSize: 0 });
  expect(read(8, 2, 16, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x1a, 1, 9)).toMatchObject({
    crc: 0xffffffff,
    dataSize: 1,
  });
  // Later etcd leaves zero fields out.
  expect(read(8, 4)).toEqual({ type: 4, crc: 0, dataStart: 2, dataSize: 0 });
  expect(read(8, 2, 0x1a, 2, 1, 1)).toEqual({ type: 2, crc: 0, dataStart: 4, dataSize: 2 });
  for (const bad of [
    [8],
    [8, 0x80, 1],
    [16, 0xff, 0xff, 0xff, 0xff, 0x1f],
    [16, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
    [16, 0x80],
    [8, 2, 8, 2],
    [8, 2, 16, 1, 0x22, 0],
    [8, 2, 16, 1, 0x1a],
    [8, 2, 16, 1, 0x1a, 0x80],
    [8, 2, 16, 1, 0x1a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
    [0, 0, 0],
  ]) {
    expect(read(...bad), bad.join()).toBeUndefined();
  }
});

test('segment names hold sequence and index in 16 hex digits each', () => {
  expect(segmentName(1, 0xab)).toBe('0000000000000001-00000000000000ab.wal');
  expect(parseSegmentName('0000000000000001-00000000000000ab.wal')).toMatchObject({
    sequence: 1,
    index: 0xab,
  });
  for (const name of [
    '0.tmp',
    '0000000000000001-00000000000000ab.wal.broken',
    '000000000000001-00000000000000ab.wal',
    '0000000000000001-00000000000000AB.wal',
    '0000000000000001-ffffffffffffffff.wal',
    'ffffffffffffffff-0000000000000001.wal',
  ]) {
    expect(parseSegmentName(name), name).toBeUndefined();
  }
});

test('segments that a release cut short left behind a gap do not count', () => {
  const names = [0, 1, 3, 4, 5].map((sequence) => segmentName(sequence, sequence * 10));
  expect(consecutiveTail(segmentsOf(names)).map((segment) => segment.sequence)).toEqual([3, 4, 5]);
  expect(consecutiveTail([])).toEqual([]);
});
