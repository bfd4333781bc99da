import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RingReader, ringMemory, RingWriter } from '../../src/io-threads/ring.ts';

const size = 1_024;

function pair(bytes = size): { writer: RingWriter; reader: RingReader } {
  const memory = ringMemory(bytes);
  return { writer: new RingWriter(memory), reader: new RingReader(memory) };
}

/** Writes a record of so many bytes, all of one value; false when there was no room. */
function write(writer: RingWriter, length: number, value: number): boolean {
  const at = writer.reserve(length);
  if (at === -1) return false;
  writer.bytes.fill(value, at, at + length);
  writer.commit();
  return true;
}

/** The length and the value of the next record; undefined when there is none. */
function read(reader: RingReader): { length: number; value: number | undefined } | undefined {
  if (!reader.next()) return undefined;
  const bytes = reader.bytes.subarray(reader.at, reader.at + reader.length);
  const value = bytes[0];
  expect(bytes.every((byte) => byte === value)).toBe(true);
  const { length } = reader;
  reader.release();
  return { length, value };
}

test('records come out as they went in, in their order, however writing and reading take turns', () => {
  const { largest } = pair().writer;
  const step = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), length: fc.integer({ min: 0, max: largest }) }),
    // Those at the borders: nothing, all that fits, and what is no multiple of the alignment.
    fc.record({
      kind: fc.constant('write' as const),
      length: fc.constantFrom(0, 1, 3, 4, 5, largest - 1, largest),
    }),
    fc.record({ kind: fc.constant('read' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { writer, reader } = pair();
      const inRing: { length: number; value: number | undefined }[] = [];
      let value = 0;
      for (const next of steps) {
        if (next.kind === 'read') expect(read(reader)).toEqual(inRing.shift());
        else {
          value = (value + 1) % 256;
          const hasRoom = write(writer, next.length, value);
          // An empty ring takes any record.
          if (inRing.length === 0) expect(hasRoom).toBe(true);
          if (hasRoom) inRing.push({ length: next.length, value: next.length === 0 ? undefined : value });
        }
      }
      for (const record of inRing) expect(read(reader)).toEqual(record);
      expect(read(reader)).toBeUndefined();
    }),
  );
});

test('a full ring refuses, and takes more as soon as one record was read', () => {
  const { writer, reader } = pair();
  let written = 0;
  while (write(writer, 12, written)) written++;
  expect(written).toBe(size / 16);
  expect(read(reader)).toEqual({ length: 12, value: 0 });
  expect(write(writer, 12, written)).toBe(true);
  expect(write(writer, 12, 0)).toBe(false);
});

test('counts of bytes wrap at 2^32', () => {
  const { writer, reader } = pair(2 ** 22);
  const length = writer.largest;
  // Each is a quarter of the ring, so 2^32 bytes are 2^12 of them.
  for (let count = 0; count < 2 ** 12 + 5; count++) {
    expect(writer.reserve(length)).not.toBe(-1);
    writer.commit();
    expect(reader.next()).toBe(true);
    expect(reader.length).toBe(length);
    reader.release();
  }
  expect(reader.next()).toBe(false);
});

test('whoever sleeps is woken once, and nobody sleeps while there is something to read', () => {
  const { writer, reader } = pair();
  expect(writer.takeSleeper()).toBe(false);
  expect(reader.sleep()).toBe(true);
  write(writer, 1, 1);
  expect(writer.takeSleeper()).toBe(true);
  expect(writer.takeSleeper()).toBe(false);
  expect(reader.sleep()).toBe(false);
  expect(writer.takeSleeper()).toBe(false);
});

test('a writer that waits is told once', () => {
  const { writer, reader } = pair();
  expect(reader.takeWaiter()).toBe(false);
  writer.wait();
  expect(reader.takeWaiter()).toBe(true);
  expect(reader.takeWaiter()).toBe(false);
});
