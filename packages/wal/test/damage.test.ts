import fc from 'fast-check';
import { expect, test } from 'vitest';
import { concatBytes, copyBytes } from '@quorate/std';
import { Wal, WalCorruptError, type Disk } from '../src/index.ts';
import { MemoryDisk } from '../src/testing/index.ts';
import {
  codeOf,
  confState,
  describe,
  dir,
  entries,
  entry,
  firstSegment,
  metadata,
  recordsOf,
} from './helpers.ts';

const segmentSizeBytes = 4096;
const hardStates = [
  { term: 1, vote: 0n, commit: 0 },
  { term: 1, vote: 0x8e9e05c52164694dn, commit: 2 },
  { term: 2, vote: 0x9e9e05c52164694dn, commit: 4 },
];

/** A log of one segment with every kind of record, and its bytes up to the last. */
async function smallLog(): Promise<{ disk: MemoryDisk; used: Uint8Array; offsets: number[] }> {
  const disk = new MemoryDisk();
  const wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes });
  await wal.save({ entries: entries(1, 2), hardState: hardStates[0]!, sync: true });
  await wal.save({ entries: [entry(3, 1, '')], hardState: hardStates[1]!, sync: true });
  await wal.saveSnapshot({ index: 2, term: 1, confState });
  await wal.save({ entries: entries(4, 9, 2), hardState: hardStates[2]!, sync: true });
  const used = wal.stats.segmentPosition;
  await wal[Symbol.asyncDispose]();
  const offsets = (await recordsOf(disk)).map((record) => record.offset);
  return { disk, used: copyBytes(disk.bytesOf(firstSegment).subarray(0, used)), offsets: [...offsets, used] };
}

async function diskWith(bytes: Uint8Array): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.put(firstSegment, bytes);
  return disk;
}

async function contentOf(disk: Disk) {
  const { wal, repaired, hardState, entries: found } = await Wal.open({ disk, dir, segmentSizeBytes });
  await wal[Symbol.asyncDispose]();
  return { entries: describe(found), hardState, repaired };
}

test(
  'a file that ends at any byte of its last records loses just the record that was cut',
  { timeout: 60_000 },
  async () => {
    const { used, offsets } = await smallLog();
    for (let size = offsets[2]!; size <= used.length; size++) {
      const disk = await diskWith(used.subarray(0, size));
      const whole = offsets.findLastIndex((offset) => offset <= size);
      const opening = Wal.open({ disk, dir, segmentSizeBytes });
      if (whole < 3) {
        // The first mark is part of what a new log is made with; without it there is nothing to start from.
        expect(await codeOf(opening), `${size} bytes`).toBe('WAL_SNAPSHOT_NOT_FOUND');
        continue;
      }
      const { wal, repaired } = await opening;
      await wal[Symbol.asyncDispose]();
      expect(repaired?.offset, `${size} bytes`).toBe(size === offsets[whole] ? undefined : offsets[whole]);
      expect((await recordsOf(disk)).length, `${size} bytes`).toBe(whole);
      if (repaired === undefined) continue;
      expect(repaired.removedBytes).toBe(size - repaired.offset);
      expect(disk.bytesOf(`${firstSegment}.broken`)).toEqual(used.subarray(0, size));
    }
  },
);

test(
  'a flipped bit anywhere in a log is refused, or lies in bytes that say nothing',
  { timeout: 60_000 },
  async () => {
    const { disk: original, used, offsets } = await smallLog();
    const expected = await contentOf(original);
    const padded = concatBytes([used, new Uint8Array(segmentSizeBytes - used.length)]);
    let refused = 0;
    for (let at = 0; at < used.length; at++) {
      for (const change of [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff, used[at]!]) {
        const damaged = copyBytes(padded);
        damaged[at]! ^= change;
        if (change === 0) continue;
        const disk = await diskWith(damaged);
        const what = `byte ${at} ^ ${change}`;
        let found;
        try {
          found = await contentOf(disk);
        } catch (error) {
          refused++;
          expect(error, what).toMatchObject({
            name: expect.stringMatching(/^Wal(Corrupt)?Error$/) as unknown,
          });
          // Refused means untouched.
          expect(disk.bytesOf(firstSegment), what).toEqual(damaged);
          continue;
        }
        expect(found, what).toEqual(expected);
        const frame = offsets.findLastIndex((offset) => offset <= at);
        expect(offsets[frame + 1]! - at, `${what}: only padding may differ`).toBeLessThanOrEqual(7);
      }
    }
    expect(refused).toBeGreaterThan(9 * used.length * 0.9);
  },
);

test('damage in the middle names the file, the byte and what to do', async () => {
  const { used, offsets } = await smallLog();
  const damaged = copyBytes(used);
  damaged[offsets[4]! + 30]! ^= 1;
  const error = await Wal.open({ disk: await diskWith(damaged), dir }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WalCorruptError);
  expect(error).toMatchObject({ code: 'WAL_CORRUPT', file: firstSegment, offset: offsets[4] });
  expect(String(error)).toMatch(/damaged at byte \d+: the checksum does not match.*Replace this member/s);
});

/** One save larger than several sectors, behind an acknowledged one. */
async function logWithLargeTail() {
  const disk = new MemoryDisk();
  const wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 16384 });
  await wal.save({ entries: entries(1, 4), sync: true });
  const start = wal.stats.segmentPosition;
  await wal.save({ entries: [entry(5, 1, 'x'.repeat(3000)), ...entries(6, 30)], sync: true });
  const end = wal.stats.segmentPosition;
  await wal[Symbol.asyncDispose]();
  return { bytes: copyBytes(disk.bytesOf(firstSegment)), start, end };
}

test(
  'whichever sectors of the last save a crash loses, the saves before it are found and nothing is refused',
  { timeout: 60_000 },
  async () => {
    const { bytes, start, end } = await logWithLargeTail();
    const first = Math.floor(start / 512);
    const last = Math.ceil(end / 512);
    for (let mask = 0; mask < 2 ** (last - first); mask += 1) {
      const torn = copyBytes(bytes);
      for (let sector = first; sector < last; sector++) {
        if ((mask & (1 << (sector - first))) === 0) continue;
        torn.fill(0, Math.max(start, sector * 512), (sector + 1) * 512);
      }
      const found = await contentOf(await diskWith(torn));
      expect(found.entries.slice(0, 4), `mask ${mask}`).toEqual(describe(entries(1, 4)));
      if (mask !== 0) expect(found.entries.length, `mask ${mask}`).toBeLessThan(35);
      if (mask >= 1024) mask += 12; // The rest by samples.
    }
  },
);

test('a flipped bit is refused even in the record that a crash could have torn', async () => {
  const { bytes, start } = await logWithLargeTail();
  for (const at of [start + 40, start + 600, start + 2900]) {
    const damaged = copyBytes(bytes);
    damaged[at]! ^= 0x10;
    expect(await codeOf(contentOf(await diskWith(damaged)))).toBe('WAL_CORRUPT');
  }
});

test('a length that was hit is not taken for a torn tail: good records may lie behind it', async () => {
  const { bytes, start } = await logWithLargeTail();
  for (const byte of [1, 2, 3, 4, 5, 6]) {
    const damaged = copyBytes(bytes);
    damaged[start + byte]! ^= 0x40;
    const disk = await diskWith(damaged);
    expect(await codeOf(contentOf(disk)), `byte ${byte} of the length`).toBe('WAL_CORRUPT');
    expect(disk.bytesOf(firstSegment)).toEqual(damaged);
  }
});

/** What cannot be told apart is stated here, so that nobody is surprised: see DESIGN.md, "What a reader cannot know". */
test('a lost sector within an old record of the last segment reads as torn, as it does in etcd', async () => {
  const { bytes, start } = await logWithLargeTail();
  const damaged = copyBytes(bytes);
  const sector = Math.ceil((start + 8) / 512) * 512;
  damaged.fill(0, sector, sector + 512);
  const found = await contentOf(await diskWith(damaged));
  expect(found.entries).toEqual(describe(entries(1, 4)));
  expect(found.repaired?.offset).toBe(start);
});

test('a torn record in any segment but the last is refused', async () => {
  const disk = new MemoryDisk();
  const wal = await Wal.create({ disk, dir, metadata, segmentSizeBytes: 2048 });
  for (let index = 1; index < 40; index++)
    await wal.save({ entries: [entry(index, 1, 'y'.repeat(600))], sync: true });
  await wal[Symbol.asyncDispose]();
  const names = (await disk.list(dir)).filter((name) => name.endsWith('.wal'));
  expect(names.length).toBeGreaterThan(3);
  const path = `${dir}/${names[1]}`;
  const whole = copyBytes(disk.bytesOf(path));
  for (const damaged of [whole.subarray(0, whole.length - 100), copyBytes(whole).fill(0, 512, 1024)]) {
    await disk.put(path, damaged);
    expect(await codeOf(Wal.open({ disk, dir }))).toBe('WAL_CORRUPT');
  }
  // Ending between two records, it is the checksum in the next segment that tells.
  const offsets = (await recordsOf(disk).catch(() => [])).length;
  expect(offsets).toBe(0);
  await disk.put(path, whole);
  const inSecond = (await recordsOf(disk)).filter((record) => record.segment === names[1]);
  await disk.put(path, whole.subarray(0, inSecond.at(-1)!.offset));
  expect(await codeOf(Wal.open({ disk, dir }))).toBe('WAL_CORRUPT');
});

test('records of an older life of the file, well formed as they are, are never read', async () => {
  const { used, offsets } = await smallLog();
  // The last records once more, as a recycled file or a misdirected write would leave them.
  const stale = used.subarray(offsets[6], used.length);
  expect(await codeOf(contentOf(await diskWith(concatBytes([used, stale]))))).toBe('WAL_CORRUPT');
});

test('an endless length neither allocates nor loops', async () => {
  const { used } = await smallLog();
  const memory = await diskWith(concatBytes([used, Uint8Array.of(0, 0, 0, 0, 0, 0xff, 0xff, 0), used]));
  let largest = 0;
  const disk: Disk = {
    ...boundMethods(memory),
    open: async (path, mode) => {
      const file = await memory.open(path, mode);
      return {
        path,
        read: (offset, size) => {
          largest = Math.max(largest, size);
          return file.read(offset, size);
        },
        write: (offset, bytes) => file.write(offset, bytes),
        writeDurably: (offset, bytes) => file.writeDurably(offset, bytes),
        sync: () => file.sync(),
        truncate: (size) => file.truncate(size),
        size: () => file.size(),
        close: () => file.close(),
      };
    },
  };
  expect(await codeOf(contentOf(disk))).toBe('WAL_CORRUPT');
  expect(largest).toBeLessThanOrEqual(2 * used.length + 8);
});

test(
  'bytes of any kind make a typed error or a part of the log, never something else',
  { timeout: 60_000 },
  async () => {
    const { disk: original, used } = await smallLog();
    const padded = concatBytes([used, new Uint8Array(1024)]);
    const all = await contentOf(original);
    const states = [{ term: 0, vote: 0n, commit: 0 }, ...hardStates];
    const damage = fc.oneof(
      fc.record({ kind: fc.constant('set'), at: fc.nat(padded.length - 1), to: fc.nat(255) }),
      fc.record({ kind: fc.constant('zero'), at: fc.nat(padded.length - 1), to: fc.nat(600) }),
      fc.record({ kind: fc.constant('cut'), at: fc.nat(padded.length), to: fc.constant(0) }),
      fc.record({ kind: fc.constant('repeat'), at: fc.nat(padded.length - 1), to: fc.nat(400) }),
      fc.record({ kind: fc.constant('copy'), at: fc.nat(used.length - 1), to: fc.nat(used.length - 1) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (changes) => {
        let bytes = copyBytes(padded);
        for (const { kind, at, to } of changes) {
          if (kind === 'set' && at < bytes.length) bytes[at] = to;
          if (kind === 'zero') bytes.fill(0, at, at + to);
          if (kind === 'cut') bytes = bytes.subarray(0, at);
          if (kind === 'repeat') bytes = concatBytes([bytes.subarray(0, at + to), bytes.subarray(at)]);
          if (kind === 'copy') bytes.copyWithin(to, at, at + 64);
        }
        try {
          const found = await contentOf(await diskWith(bytes));
          expect(all.entries.slice(0, found.entries.length)).toEqual(found.entries);
          expect(states).toContainEqual(found.hardState);
        } catch (error) {
          if (!(error instanceof Error && error.name.startsWith('Wal'))) throw error;
        }
      }),
      { numRuns: 3000 },
    );
  },
);

function boundMethods(disk: Disk): Disk {
  return {
    open: (path, mode) => disk.open(path, mode),
    list: (path) => disk.list(path),
    makeDir: (path) => disk.makeDir(path),
    rename: (from, to) => disk.rename(from, to),
    remove: (path) => disk.remove(path),
    syncDir: (path) => disk.syncDir(path),
    freeBytes: (path) => disk.freeBytes(path),
  };
}
