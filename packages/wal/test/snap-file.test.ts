import { expect, test } from 'vitest';
import { copyBytes, crc32c, fromHex, fromUtf8, toHex } from '@quorate/std';
import type { Snapshot } from '@quorate/wire';
import {
  decodeSnapFile,
  encodeSnapFile,
  loadNewestSnapFile,
  saveSnapFile,
  SnapFileError,
  snapFileName,
} from '../src/index.ts';
import { FaultyDisk, MemoryDisk } from '../src/testing/index.ts';
import { codeOf, confState } from './helpers.ts';

const dir = '/data/member/snap';

function snapshot(index: number, term = 2): Snapshot {
  return { index, term, confState, data: fromUtf8('{"Root":{}}') };
}

test('a snapshot file is the checksum and the bytes of the snapshot', () => {
  const bytes = encodeSnapFile(snapshot(17));
  const inner = fromHex('0a0b' + '7b22526f6f74223a7b7d7d' + '120a' + '0a04' + '08012800' + '1011' + '1802');
  const crc = crc32c(inner);
  const varint = [0, 7, 14, 21, 28].map((shift) => ((crc >>> shift) & 0x7f) | (shift < 28 ? 0x80 : 0));
  expect(toHex(bytes)).toBe(
    `08${toHex(Uint8Array.from(varint))}12${inner.length.toString(16)}${toHex(inner)}`,
  );
  expect(decodeSnapFile(bytes, 'x')).toEqual(snapshot(17));
  expect(snapFileName({ index: 17, term: 2 })).toBe('0000000000000002-0000000000000011.snap');
});

test('any changed or missing byte of a snapshot file is told', () => {
  const bytes = encodeSnapFile(snapshot(17));
  for (let at = 0; at < bytes.length; at++) {
    expect(() => decodeSnapFile(bytes.subarray(0, at), 'x'), `${at} bytes`).toThrow(SnapFileError);
    for (const change of [1, 0x80, 0xff]) {
      const damaged = copyBytes(bytes);
      damaged[at]! ^= change;
      expect(() => decodeSnapFile(damaged, 'x'), `byte ${at} ^ ${change}`).toThrow(SnapFileError);
    }
  }
});

test('the newest good snapshot that the log knows of is loaded; a bad one steps aside', async () => {
  const disk = new MemoryDisk();
  await disk.makeDir(dir);
  for (const index of [10, 20, 30, 40]) await saveSnapFile(disk, dir, snapshot(index));
  const marks = [10, 20, 30].map((index) => ({ index, term: 2 }));
  expect((await loadNewestSnapFile(disk, dir, marks))?.index).toBe(30);
  const path = `${dir}/${snapFileName(snapshot(30))}`;
  const damaged = copyBytes(disk.bytesOf(path));
  damaged[12]! ^= 1;
  await disk.put(path, damaged);
  expect((await loadNewestSnapFile(disk, dir, marks))?.index).toBe(20);
  expect(await disk.list(dir)).toContain(`${snapFileName(snapshot(30))}.broken`);
  expect(await loadNewestSnapFile(disk, dir, [{ index: 10, term: 3 }])).toBeUndefined();
});

test('a saved snapshot survives a power cut, and a disk that fails is heard', async () => {
  const memory = new MemoryDisk();
  await memory.makeDir(dir);
  const disk = new FaultyDisk(memory);
  await saveSnapFile(disk, dir, snapshot(10));
  const marks = [{ index: 10, term: 2 }];
  expect(await loadNewestSnapFile(memory.crash({ keep: 'none' }), dir, marks)).toEqual(snapshot(10));
  for (const operation of ['write', 'sync', 'syncDir'] as const) {
    disk.fail({ operation, call: 1, code: 'ENOSPC' });
    expect(await codeOf(saveSnapFile(disk, dir, snapshot(20)))).toBe('ENOSPC');
    disk.heal();
  }
});
