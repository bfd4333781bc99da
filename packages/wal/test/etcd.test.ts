import { mkdir, mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { fromUtf8, toUtf8 } from '@quorate/std';
import {
  decodeEntry,
  decodeHardState,
  decodePutRequest,
  decodeRaftEnvelope,
  decodeWalSnapshot,
  encodePutRequest,
  encodeRaftEnvelope,
  etcdserverpb,
  raftRequestField,
  type Entry,
} from '@quorate/wire';
import {
  encodeSnapFile,
  loadNewestSnapFile,
  NodeDisk,
  recordType,
  snapFileName,
  Wal,
  type Disk,
  type LogRecord,
} from '../src/index.ts';
import { MemoryDisk } from '../src/testing/index.ts';
import { EtcdProcess, etcdBin } from './etcd-process.ts';
import { dir, firstSegment } from './helpers.ts';

/**
 * A log that etcd 3.5.30 wrote: 30 puts with a snapshot every 10 entries, kill -9, a restart, a delete, a
 * transaction and 3 more puts, kill -9. Up to its last record; `REWRITE=1` with a real etcd makes it anew.
 */
const vector = new URL('./vectors/etcd-3.5.30.wal.gz', import.meta.url);

const expectedPuts = [...Array.from({ length: 30 }, (_, i) => `key-${i}`), 'after-0', 'after-1', 'after-2'];

/** The keys of the puts among the entries; other requests are passed over. */
function putKeys(entries: readonly Entry[]): string[] {
  const keys: string[] = [];
  for (const { type, data } of entries) {
    if (type !== 0 || data.length === 0) continue;
    const { requestField, request } = decodeRaftEnvelope(data);
    if (requestField === raftRequestField.put) keys.push(toUtf8(decodePutRequest(request).key));
  }
  return keys;
}

/** What must hold for any log that etcd wrote in the life above. */
async function expectEtcdLog(disk: Disk, walDir: string): Promise<void> {
  const marks = await Wal.validSnapshots(disk, walDir);
  expect(marks.length).toBeGreaterThan(2);
  expect(marks[0]).toEqual({ index: 0, term: 0, confState: undefined });
  for (const mark of marks.slice(1)) expect(mark.confState?.voters).toHaveLength(1);

  const all = await Wal.open({ disk, dir: walDir });
  await all.wal[Symbol.asyncDispose]();
  expect(all.repaired).toBeUndefined();
  expect(all.entries.map((entry) => entry.index)).toEqual(all.entries.map((_, i) => i + 1));
  expect(all.entries[0]).toMatchObject({ type: 1, term: 1 });
  expect(putKeys(all.entries)).toEqual(expectedPuts);
  expect(all.hardState.term).toBeGreaterThan(1);
  expect(all.hardState.commit).toBeLessThanOrEqual(all.entries.length);
  expect(all.hardState.commit).toBeGreaterThan(30);
  const identity = etcdserverpb.Metadata.decode(all.metadata);
  expect(identity.NodeID).not.toBe(0n);
  expect(all.hardState.vote).toBe(identity.NodeID);

  const from = marks.at(-1)!;
  const tail = await Wal.open({ disk, dir: walDir, from });
  await tail.wal[Symbol.asyncDispose]();
  expect(tail.entries).toEqual(all.entries.slice(from.index));
  expect(tail.snapshot).toEqual(from);
}

async function vectorBytes(): Promise<Uint8Array> {
  return gunzipSync(await readFile(vector));
}

test('a log that etcd 3.5.30 wrote is read entry by entry', async () => {
  const disk = new MemoryDisk();
  await disk.put(firstSegment, await vectorBytes());
  await expectEtcdLog(disk, dir);
});

test('the same records, handed to our log, make the same bytes', async () => {
  const bytes = await vectorBytes();
  const theirs = new MemoryDisk();
  await theirs.put(firstSegment, bytes);
  const records = await recordsIn(theirs, dir);
  const ours = new MemoryDisk();
  const used = await copyLog(records, { disk: ours, dir });
  expect(used).toBe(bytes.length);
  expect(Buffer.compare(ours.bytesOf(firstSegment).subarray(0, used), bytes)).toBe(0);
});

if (etcdBin === undefined) {
  test.skip("a real etcd and we read and continue each other's logs (set QUORATE_ETCD_BIN to its folder)", () =>
    undefined);
} else {
  const bin = etcdBin;

  test("a real etcd and we read and continue each other's logs", { timeout: 60_000 }, async () => {
    const root = await mkdtemp(join(tmpdir(), 'quorate-wal-etcd-'));
    const disk = new NodeDisk();
    const data = join(root, 'data');
    const walDir = join(data, 'member/wal');
    try {
      await live(bin, data);
      await keepVector(disk, walDir);
      await expectEtcdLog(disk, walDir);

      // Its snapshot files are ours, too.
      const snapDir = join(data, 'member/snap');
      const snap = await loadNewestSnapFile(disk, snapDir, await Wal.validSnapshots(disk, walDir));
      expect(snap?.index).toBeGreaterThan(30);
      expect(JSON.parse(toUtf8(snap!.data))).toHaveProperty('Root');
      const snapBytes = await readFile(join(snapDir, snapFileName(snap!)));
      expect(Buffer.compare(encodeSnapFile(snap!), snapBytes)).toBe(0);

      // Our own entry at the end of etcd's log, committed: etcd must apply it when it starts.
      await appendPut(disk, walDir, 'by-quorate', 'appended');
      await expectKeys(bin, data, { 'key-29': 'value 29', 'after-2': 'value 2', 'by-quorate': 'appended' });

      // The whole log written anew by us, in many small segments, in the place of etcd's.
      const records = await recordsIn(disk, walDir);
      await rename(walDir, `${walDir}.etcd`);
      await copyLog(records, { disk, dir: walDir, segmentSizeBytes: 1024 });
      await rm(`${walDir}.etcd`, { recursive: true });
      expect((await segmentNames(walDir)).length).toBeGreaterThan(4);
      await appendPut(disk, walDir, 'by-quorate-2', 'cut');
      await expectKeys(bin, data, { 'key-0': 'value 0', 'by-quorate': 'appended', 'by-quorate-2': 'cut' });

      // etcd has gone on in our segments; we read it, from the start and across all of them.
      const opened = await Wal.open({ disk, dir: walDir });
      await opened.wal[Symbol.asyncDispose]();
      expect(putKeys(opened.entries).slice(0, 35)).toEqual([...expectedPuts, 'by-quorate', 'started']);

      // A torn tail that we repair is one that etcd starts from.
      const last = join(walDir, (await segmentNames(walDir)).at(-1)!);
      const end = (await recordsIn(disk, walDir)).findLast((record) => last.endsWith(record.segment))!.offset;
      await truncate(last, end + 12);
      const repaired = await Wal.open({ disk, dir: walDir });
      await repaired.wal[Symbol.asyncDispose]();
      expect(repaired.repaired).toMatchObject({ file: last, offset: end, removedBytes: 12 });
      expect(await readdir(walDir)).toContain(`${last.split('/').at(-1)}.broken`);
      await expectKeys(bin, data, { 'by-quorate-2': 'cut' });
    } finally {
      await rm(root, { recursive: true });
    }
  });
}

/** The life that the vector is of. */
async function live(bin: string, data: string): Promise<void> {
  {
    await using etcd = await EtcdProcess.start(bin, data, ['--snapshot-count', '10']);
    for (let i = 0; i < 30; i++) await etcd.ctl('put', `key-${i}`, `value ${i}`);
    await etcd.kill();
  }
  await using etcd = await EtcdProcess.start(bin, data, ['--snapshot-count', '10']);
  await etcd.ctl('del', 'key-7');
  await etcd.ctl('lease', 'grant', '600');
  for (let i = 0; i < 3; i++) await etcd.ctl('put', `after-${i}`, `value ${i}`);
  await etcd.kill();
}

async function keepVector(disk: Disk, walDir: string): Promise<void> {
  if (process.env['REWRITE'] === undefined) return;
  const opened = await Wal.open({ disk, dir: walDir });
  const used = opened.wal.stats.segmentPosition;
  await opened.wal[Symbol.asyncDispose]();
  const bytes = await readFile(join(walDir, (await segmentNames(walDir))[0]!));
  await mkdir(new URL('.', vector), { recursive: true });
  await writeFile(vector, gzipSync(bytes.subarray(0, used), { level: 9 }));
}

/** Adds a put at the end of a log, as the member itself would have, and commits it. */
async function appendPut(disk: Disk, walDir: string, key: string, value: string): Promise<void> {
  const { wal, entries, hardState } = await Wal.open({ disk, dir: walDir });
  const put = { key: fromUtf8(key), value: fromUtf8(value), lease: 0n };
  const request = encodePutRequest({ ...put, prevKv: false, ignoreValue: false, ignoreLease: false });
  const envelope = { idHigh: 7, idLow: entries.length, username: '', authRevision: 0 };
  const data = encodeRaftEnvelope({ ...envelope, requestField: raftRequestField.put, request });
  const index = wal.lastIndex + 1;
  const entry: Entry = { type: 0, term: hardState.term, index, data };
  await wal.save({ entries: [entry], hardState: { ...hardState, commit: index }, sync: true });
  await wal[Symbol.asyncDispose]();
}

/** Starts etcd on the directory, looks, and has it write one more entry. */
async function expectKeys(bin: string, data: string, keys: Record<string, string>): Promise<void> {
  await using etcd = await EtcdProcess.start(bin, data, ['--max-wals', '0']);
  for (const [key, value] of Object.entries(keys)) expect(await etcd.get(key), key).toBe(value);
  await etcd.ctl('put', 'started', 'once more');
  await etcd.kill();
}

async function recordsIn(disk: Disk, walDir: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of Wal.read({ disk, dir: walDir })) records.push(record);
  return records;
}

/** Writes records into a new log, one by one; returns where its last segment ends. */
async function copyLog(
  records: readonly LogRecord[],
  to: { readonly disk: Disk; readonly dir: string; readonly segmentSizeBytes?: number },
): Promise<number> {
  const metadata = records.find((record) => record.type === recordType.metadata)!.data;
  await using wal = await Wal.create({ ...to, metadata });
  for (const { type, data } of records.slice(3)) {
    if (type === recordType.entry) await wal.save({ entries: [decodeEntry(data)], sync: false });
    if (type === recordType.state)
      await wal.save({ entries: [], hardState: decodeHardState(data), sync: false });
    if (type === recordType.snapshot) await wal.saveSnapshot(decodeWalSnapshot(data));
  }
  await wal.save({ entries: [], sync: true });
  return wal.stats.segmentPosition;
}

async function segmentNames(walDir: string): Promise<string[]> {
  return (await readdir(walDir)).filter((name) => name.endsWith('.wal')).sort();
}
