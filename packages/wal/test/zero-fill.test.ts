import fc from 'fast-check';
import { expect, test } from 'vitest';
import { emptyBytes } from '@quorate/std';
import type { DiskFile } from '../src/index.ts';
import { SegmentFile } from '../src/segment-file.ts';
import { FaultyDisk, MemoryDisk } from '../src/testing/index.ts';
import { ZeroFill } from '../src/zero-fill.ts';

const mebibyte = 1024 * 1024;

/** A file whose writes end when the test says so; it remembers which bytes a write in flight may still change. */
class SlowFile implements DiskFile {
  readonly path = 'slow';
  readonly written: { readonly start: number; readonly end: number }[] = [];
  #release: (() => void) | undefined;

  /** The range of the write in flight. */
  inFlight: { readonly start: number; readonly end: number } | undefined;

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.inFlight = { start: offset, end: offset + bytes.length };
    this.written.push(this.inFlight);
    await new Promise<void>((resolve) => (this.#release = resolve));
    this.inFlight = undefined;
  }

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }

  writeDurably = (offset: number, bytes: Uint8Array) => this.write(offset, bytes);
  read = async () => emptyBytes;
  sync = async () => undefined;
  truncate = async () => undefined;
  size = async () => 0;
  close = async () => undefined;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test('zeros are written ahead in slices, block by block, up to the end', async () => {
  const file = new SlowFile();
  const fill = new ZeroFill(file, { start: 5000, endExclusive: 2.5 * mebibyte });
  for (let i = 0; i < 3; i++) {
    await settle();
    file.release();
  }
  await fill.done;
  expect(file.written).toEqual([
    { start: 8192, end: 8192 + mebibyte },
    { start: 8192 + mebibyte, end: 8192 + 2 * mebibyte },
    { start: 8192 + 2 * mebibyte, end: 2.5 * mebibyte },
  ]);
  expect(fill.failed).toBe(false);
});

test('a save that comes while a slice is written in its place waits for it; zeros never follow into its bytes', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.oneof(fc.nat(100_000), fc.nat(3_000_000)), fc.boolean()), {
        minLength: 1,
        maxLength: 20,
      }),
      async (saves) => {
        const file = new SlowFile();
        const end = 40 * mebibyte;
        const fill = new ZeroFill(file, { start: 1, endExclusive: end });
        let position = 0;
        for (const [size, releases] of saves) {
          if (releases) file.release();
          await settle();
          const wait = fill.reserve(position + size);
          if (wait !== undefined) {
            file.release();
            await wait;
          }
          const { inFlight } = file;
          const overlaps = inFlight !== undefined && inFlight.start < position + size;
          expect(overlaps, 'a slice in flight over bytes of a save').toBe(false);
          position += size;
          const before = file.written.length;
          await settle();
          for (const slice of file.written.slice(before))
            expect(slice.start).toBeGreaterThanOrEqual(position);
        }
        const stopped = fill.stop();
        file.release();
        await stopped;
      },
    ),
  );
});

test('an append waits for the slice in its place before it writes', async () => {
  const memory = new MemoryDisk();
  await memory.makeDir('/d');
  const slow = new SlowFile();
  // The second handle of a segment is the one for zeros.
  class TwoHandles extends FaultyDisk {
    override async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
      return mode === 'write' ? slow : super.open(path, mode);
    }
  }
  const segment = await SegmentFile.create(new TwoHandles(memory), '/d/s', 3 * mebibyte);
  await settle();
  let appended = false;
  const appending = segment
    .append(new Uint8Array(6000).fill(1), { sync: false })
    .then(() => (appended = true));
  await settle();
  expect(appended).toBe(false);
  expect(memory.bytesOf('/d/s')[0], 'nothing is written yet').toBe(0);
  slow.release();
  await appending;
  expect(memory.bytesOf('/d/s')[5999]).toBe(1);
  const closing = segment.close({ sync: true });
  slow.release();
  await closing;
});

test('a full segment is sealed only when the zeros are no longer on their way', async () => {
  const disk = new MemoryDisk();
  await disk.makeDir('/d');
  const segment = await SegmentFile.create(disk, '/d/s', 3 * mebibyte);
  await segment.append(new Uint8Array(100).fill(1), { sync: false });
  await segment.seal();
  expect(disk.bytesOf('/d/s')).toEqual(new Uint8Array(100).fill(1));
  await settle();
  expect(disk.bytesOf('/d/s')).toHaveLength(100);
});
