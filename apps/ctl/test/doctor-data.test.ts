import { BoltWriter, type BoltRow } from '@quorate/bolt';
import { openStore } from '@quorate/data-dir';
import { buckets, fromHex, fromUtf8, uint64ToBytes } from '@quorate/std';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { textOf } from '../src/byte-string.ts';
import { quoratectl } from './differential/tools.ts';

/** What `-w json` prints, as far as it is looked at here. */
interface Printed {
  readonly version: number;
  readonly result: string;
  readonly findings: readonly {
    readonly id: string;
    readonly severity: string;
    readonly subject: string;
    readonly runbook: string;
  }[];
  readonly ok: readonly { readonly id: string }[];
  readonly unchecked: readonly { readonly id: string; readonly reason: string }[];
}

let originals: string;
beforeAll(async () => {
  originals = mkdtempSync(join(tmpdir(), 'quorate-doctor-original-'));
  const snapshot = join(originals, 'snapshot.db');
  const database = await databaseOf({
    key: [[fromHex('00000000000000025f0000000000000000'), fromHex('0a01611002180220012a0178')]],
    meta: [
      [fromUtf8('confState'), fromUtf8('{"voters":[1],"auto_leave":false}')],
      [fromUtf8('term'), uint64ToBytes(2n)],
    ],
  });
  writeFileSync(snapshot, Buffer.concat([database, createHash('sha256').update(database).digest()]));
  const { code } = await quoratectl({
    argv: ['snapshot', 'restore', snapshot, `--data-dir=${join(originals, 'quorate')}`],
  });
  expect(code).toBe(0);
  // What lies in advance would only have to be copied and read.
  const wal = join(originals, 'quorate/member/wal');
  for (const name of readdirSync(wal)) truncateSync(join(wal, name), 64 * 1024);
  await makeEtcd();
});
afterAll(() => rmSync(originals, { recursive: true }));

let folder: string;
let dataDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-doctor-data-'));
  dataDir = join(folder, 'data');
});
afterEach(() => rmSync(folder, { recursive: true }));

const member = (...names: string[]): string => join(dataDir, 'member', ...names);
const firstSegment = (): string => member('wal', readdirSync(member('wal'))[0] ?? '');

/** A copy of a directory where all is well. */
function copyOf(kind: 'quorate' | 'etcd'): void {
  cpSync(join(originals, kind), dataDir, { recursive: true });
  chmodSync(dataDir, 0o700);
}

const exitCodes: Readonly<Record<string, number>> = { ok: 0, advice: 0, warning: 2, critical: 3 };
/** What depends on where tests run. */
const ofMachine = ['disk-space', 'file-system', 'log-ahead'];

/** Lets the doctor look, and sees to it that this leaves no trace. Findings about this machine are left out. */
async function look(): Promise<Printed> {
  const before = fingerprint();
  const { stdout, stderr, code } = await quoratectl({
    argv: ['doctor', `--data-dir=${dataDir}`, '-w', 'json'],
  });
  expect(fingerprint()).toEqual(before);
  expect(stderr).toBe('');
  // The shape is what this test is about.
  const printed = JSON.parse(stdout) as Printed;
  expect(printed.result).toBe(printed.findings[0]?.severity ?? 'ok');
  expect(code).toBe(exitCodes[printed.result]);
  return { ...printed, findings: printed.findings.filter(({ id }) => !ofMachine.includes(id)) };
}

/** Names, modes, sizes, times and bytes of all there is. */
function fingerprint(): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const { mode, size, mtimeMs, ctimeMs } = lstatSync(path);
      // Closing a file takes away all locks that this very process has on it.
      const isRead = entry.isFile() && entry.name !== 'LOCK';
      const hash = isRead ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
      return [path, mode, size, mtimeMs, ctimeMs, hash].join(' ');
    })
    .sort();
}

describe.each(['quorate', 'etcd'] as const)('a data directory of %s', (kind) => {
  test('that is well has no findings but advice, and is not touched', async () => {
    copyOf(kind);
    const printed = await look();
    expect(printed.findings).toEqual([]);
    expect(printed.version).toBe(1);
    expect(printed.unchecked.map(({ id }) => id)).toEqual(['sync-measured']);
    const ok = printed.ok.map(({ id }) => id);
    expect(ok).toEqual(
      expect.arrayContaining(['log-damaged', 'store-damaged', 'log-fits-store', 'data-in-use']),
    );
  });
});

type Damage = () => Promise<void> | void;
const damages: readonly (readonly [string, 'quorate' | 'etcd', string, string, Damage])[] = [
  ['a bit of the log is another', 'quorate', 'log-damaged', 'critical', () => flipBit(firstSegment(), -12)],
  ['the log ends in the middle of a record', 'quorate', 'log-torn', 'advice', () => cut(firstSegment(), 3)],
  [
    'a segment is missing',
    'quorate',
    'log-damaged',
    'critical',
    () => cpSync(firstSegment(), member('wal', `${'2'.padStart(16, '0')}-${'9'.padStart(16, '0')}.wal`)),
  ],
  ['the log is gone', 'quorate', 'log-present', 'critical', () => rmSync(member('wal'), { recursive: true })],
  [
    'the store does not say where its tables are',
    'quorate',
    'store-damaged',
    'critical',
    () => writeFileSync(member('store/CURRENT'), 'nothing\n'),
  ],
  [
    'the store has a log of another',
    'quorate',
    'store-damaged',
    'critical',
    () => writeFileSync(member('store/MANIFEST-000005'), 'not a manifest'.repeat(9)),
  ],
  [
    'a restore was interrupted',
    'quorate',
    'restore-interrupted',
    'critical',
    () => void mkdirSync(join(dataDir, 'member.restoring')),
  ],
  [
    'there are two stores',
    'quorate',
    'data-present',
    'critical',
    () => void cpSync(join(originals, 'etcd/member/snap/db'), member('snap/db')),
  ],
  ['the member is gone', 'quorate', 'data-present', 'critical', () => rmSync(member(), { recursive: true })],
  [
    'the directory is gone',
    'quorate',
    'data-present',
    'critical',
    () => rmSync(dataDir, { recursive: true }),
  ],
  ['others may enter', 'quorate', 'file-modes', 'warning', () => chmodSync(dataDir, 0o755)],
  [
    'a file of a snapshot is bad',
    'quorate',
    'snap-files',
    'advice',
    () => writeFileSync(member('snap/0000000000000009-0000000000000009.snap'), 'x'),
  ],
  [
    'a store was being written anew',
    'quorate',
    'leftovers',
    'advice',
    () => void mkdirSync(member('store.tmp')),
  ],
  [
    'a page of the database is damaged',
    'etcd',
    'store-damaged',
    'critical',
    () => fillPage(member('snap/db'), 2),
  ],
  [
    'the database is cut',
    'etcd',
    'store-damaged',
    'critical',
    () => truncateSync(member('snap/db'), 2 * 4096),
  ],
  [
    'the database is no database',
    'etcd',
    'store-damaged',
    'critical',
    () => writeFileSync(member('snap/db'), 'x'.repeat(9_000)),
  ],
  [
    'the store is ahead of the log',
    'etcd',
    'log-fits-store',
    'critical',
    async () => writeFileSync(member('snap/db'), await etcdDatabase(900n)),
  ],
];

describe('what is wrong is found first, and left as it is', () => {
  test.each(damages)('%s (%s): %s', async (_, kind, id, severity, damage) => {
    copyOf(kind);
    await damage();
    const { findings } = await look();
    expect(findings[0]).toMatchObject({ id, severity });
    expect(findings[0]?.runbook).toMatch(/^docs\/runbook\.md#/);
  });

  test('a table of the store with a flipped bit is found', async () => {
    copyOf('quorate');
    // Opening moves what is in the store's own log into a table.
    const store = await openStore(member('store'), { warn() {} });
    await store.open();
    await store.batch([{ type: 'put', key: fromUtf8('x'), value: new Uint8Array(100_000) }], { sync: true });
    await store.close();
    const again = await openStore(member('store'), { warn() {} });
    await again.open();
    await again.close();
    const table = readdirSync(member('store')).find((name) => name.endsWith('.sst'));
    expect(table).toBeDefined();
    flipBit(member('store', table ?? ''), 40);
    expect((await look()).findings[0]?.id).toBe('store-damaged');
  });
});

test.skipIf(process.platform !== 'linux')(
  'what a member has open is left alone, told, and not called well (Linux tells who)',
  async () => {
    copyOf('quorate');
    const store = await openStore(member('store'), { warn() {} });
    await store.open();
    const printed = await look();
    await store.close();
    expect(printed.findings).toEqual([]);
    const unchecked = printed.unchecked.map(({ id }) => id);
    expect(unchecked).toEqual(expect.arrayContaining(['store-damaged', 'log-damaged', 'data-in-use']));
    expect(printed.ok.some(({ id }) => unchecked.includes(id))).toBe(false);
    expect(printed.unchecked.find(({ id }) => id === 'data-in-use')?.reason).toContain(`${process.pid}`);
  },
);

test('--write-test measures the disk, and leaves nothing behind', async () => {
  copyOf('quorate');
  const names = () => readdirSync(folder, { recursive: true }).sort();
  const before = names();
  const { stdout, code } = await quoratectl({
    argv: ['doctor', `--data-dir=${dataDir}`, '--write-test', '-w', 'json'],
  });
  expect(names()).toEqual(before);
  expect(stdout).toContain(`200 syncs in ${folder} took`);
  // How fast this disk is, is up to the machine.
  expect([0, 2, 3]).toContain(code);
});

test('findings are told with what was seen, why it matters, what to do and where that stands', async () => {
  copyOf('quorate');
  chmodSync(dataDir, 0o755);
  const { stdout, stderr, code } = await quoratectl({ argv: ['doctor', `--data-dir=${dataDir}`] });
  const lines = [
    `WARNING   file-modes  ${dataDir}`,
    '  seen: others may enter: its mode is 755',
    '  why:  the files hold all values, and hashes of all passwords',
    `  do:   $ chmod 700 ${dataDir}`,
    '  see:  docs/runbook.md#a-data-directory',
    '',
  ];
  expect(stdout).toContain(lines.join('\n'));
  expect(stdout).toMatch(/\nFound: \d warning\. Checked: data-present, /);
  expect(stdout).toContain('\nNot checked: sync-measured (');
  expect({ stderr, code }).toEqual({ stderr: '', code: 2 });
  const table = await quoratectl({ argv: ['doctor', `--data-dir=${dataDir}`, '-w', 'table', '--all'] });
  expect(textOf(table.stdout)).toMatch(/ SEVERITY +│ +CHECK +│ +SUBJECT +│ +SEEN +│/);
  expect(textOf(table.stdout)).toMatch(
    / warning │ +file-modes [^]* ok │ +log-damaged [^]* unchecked │ +sync-measured /,
  );
});

test.each([
  [['doctor', 'x'], 128, 'doctor command accepts no arguments'],
  [['doctor', '--write-test'], 128, '--write-test goes with --data-dir'],
  [['doctor', '--wal-dir=x'], 128, '--wal-dir goes with one --data-dir'],
  [['doctor', '--interval=-1s'], 128, '--interval must not be below 0s'],
  [['doctor', '--data-dir=x', '-w', 'fields'], 4, 'fields not supported as output format'],
])('%j is refused', async (argv, code, text) => {
  const outcome = await quoratectl({ argv });
  expect([outcome.stdout, outcome.code]).toEqual(['', code]);
  expect(outcome.stderr).toContain(text);
});

/** Flips a bit of a file; below zero it is counted from the end of what is not zero. */
function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  const offset = at < 0 ? bytes.findLastIndex((byte) => byte !== 0) + 1 + at : at;
  bytes.writeUInt8(bytes.readUInt8(offset) ^ 1, offset);
  writeFileSync(path, bytes);
}

/** Cuts a file so many bytes before the end of what is not zero. */
function cut(path: string, bytes: number): void {
  truncateSync(path, readFileSync(path).findLastIndex((byte) => byte !== 0) + 1 - bytes);
}

function fillPage(path: string, page: number): void {
  writeFileSync(path, readFileSync(path).fill(0xff, page * 4096, (page + 1) * 4096));
}

/** The log of the member of Quorate, and the database of an etcd that goes with it. */
async function makeEtcd(): Promise<void> {
  const dir = join(originals, 'etcd');
  cpSync(join(originals, 'quorate'), dir, { recursive: true });
  rmSync(join(dir, 'member/store'), { recursive: true });
  mkdirSync(join(dir, 'member/snap'), { recursive: true });
  writeFileSync(join(dir, 'member/snap/db'), await etcdDatabase(1n));
}

function etcdDatabase(index: bigint): Promise<Buffer> {
  return databaseOf({
    meta: [
      [fromUtf8('consistent_index'), uint64ToBytes(index)],
      [fromUtf8('term'), uint64ToBytes(1n)],
    ],
  });
}

async function databaseOf(rows: Readonly<Record<string, readonly BoltRow[]>>): Promise<Buffer> {
  const writer = await BoltWriter.plan(
    buckets.map((name) => ({
      name,
      rows: async function* () {
        yield rows[name] ?? [];
      },
    })),
  );
  return Buffer.concat(await Array.fromAsync(writer.chunks()));
}
