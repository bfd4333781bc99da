import { fromUtf8 } from '@quorate/std';
import { mvccpb } from '@quorate/wire';
import type { WatchEvent } from '@quorate/client';
import { etcdBinFolder, startRealEtcd } from '@quorate/client/testing';
import { expect, test, vi } from 'vitest';
import { textOf } from '../src/byte-string.ts';
import type { Paint } from '../src/colour.ts';
import { watchPrintout } from '../src/print/watch.ts';
import { diffLine } from '../src/print/watch-diff.ts';
import { quoratectl } from './differential/tools.ts';

vi.setConfig({ testTimeout: 60_000 });

const plain: Paint = (_, text) => text;
const marked: Paint = (style, text) => `<${style}>${text}</>`;
const heardAt = new Date(2026, 0, 2, 3, 4, 5, 6);
type Value = string | Uint8Array;

function eventOf(before: Value | undefined, now: Value | undefined, key = 'k'): WatchEvent {
  const bytes = (value: Value) => (typeof value === 'string' ? fromUtf8(value) : value);
  const kvOf = (value: Value, version: bigint): mvccpb.KeyValue => ({
    ...mvccpb.KeyValue.create(),
    ...{ key: fromUtf8(key), value: bytes(value), version, modRevision: 7n },
  });
  return {
    type: now === undefined ? 'delete' : 'put',
    kv: kvOf(now ?? '', now === undefined ? 0n : before === undefined ? 1n : 2n),
    prevKv: before === undefined ? undefined : kvOf(before, 1n),
  };
}

const shown = (event: WatchEvent, paint = plain, hex = false) =>
  textOf(diffLine(event, { paint, hex, heardAt }));

const long = 'abcdefghijklmnopqrstuvwxyz';
test.each([
  ['a new key', undefined, 'red', 'PUT    k  new red'],
  ['another value', 'red', 'green', 'PUT    k  red -> green'],
  ['the same value', 'red', 'red', 'PUT    k  same red'],
  ['no value any more', 'red', undefined, 'DELETE k  was red'],
  [
    'a little of a long value',
    `${long}{"n":1}${long}`,
    `${long}{"n":25}${long}`,
    'PUT    k  …pqrstuvwxyz{"n":[-1-]{+25+}}abcdefghijklmno…',
  ],
  [
    'something put into a long value',
    `${long}${long}`,
    `${long}!${long}`,
    'PUT    k  …klmnopqrstuvwxyz[--]{+!+}abcdefghijklmnop…',
  ],
  ['text of several bytes a letter', 'grün', 'größer', 'PUT    k  grün -> größer'],
  ['what moves cursors', 'a\nb', '\u001b[2J\u202e', 'PUT    k  a\\nb -> \\u{1b}[2J\\u{202e}'],
  ['what is no text', Uint8Array.of(1, 255), Uint8Array.of(255), 'PUT    k  0x01ff -> 0xff'],
])('%s is shown on one line', (_, before, now, line) => {
  expect(shown(eventOf(before, now))).toBe(`03:04:05.006 ${line} (revision 7)\n`);
});

test('a value that compaction has removed is unknown', () => {
  const { prevKv: _, ...put } = eventOf('red', 'green');
  expect(shown({ ...put, prevKv: undefined })).toContain('k  (unknown) -> green');
  expect(shown({ ...eventOf('red', undefined), prevKv: undefined })).toContain('k  was (unknown)');
});

test('a value of any length takes a line of some length', () => {
  expect(shown(eventOf('x'.repeat(100_000), 'y'.repeat(200_000))).length).toBeLessThan(1_000);
});

test('colours say what is gone and what is there', () => {
  expect(shown(eventOf('red', 'green'), marked)).toBe(
    '<dim>03:04:05.006</> <green>PUT   </> <bold>k</>  <red>red</> -> <green>green</> <dim>(revision 7)</>\n',
  );
  expect(shown(eventOf('red', undefined), marked)).toContain('<red>DELETE</>');
});

test('without --diff only the kind of an event has a colour, and the lines are those of etcdctl', () => {
  const batch = {
    header: { clusterId: 1n, memberId: 2n, revision: 7n, raftTerm: 1n },
    events: [eventOf('a', 'b'), eventOf('a', undefined)],
  };
  const simple = (paint: Paint) =>
    watchPrintout({ kind: 'events', ...batch }, { hex: false, paint }).simple();
  expect(simple(plain)).toBe('PUT\nk\na\nk\nb\nDELETE\nk\na\nk\n\n');
  expect(simple(marked)).toBe('<green>PUT</>\nk\na\nk\nb\n<red>DELETE</>\nk\na\nk\n\n');
});

test('--hex shows bytes', () => {
  expect(shown(eventOf('a', 'b'), plain, true)).toContain('0x6b  0x61 -> 0x62');
});

test('--diff is for the simple format', async () => {
  const { stderr, code } = await quoratectl({ argv: ['watch', 'a', '--diff', '-w', 'json'] });
  expect([stderr, code]).toEqual(['Error: --diff is only for `--write-out=simple`\n', 128]);
});

test.skipIf(etcdBinFolder === undefined)(
  'watch --diff asks for what was there before (set QUORATE_ETCD_BIN to run)',
  async () => {
    await using server = await startRealEtcd(etcdBinFolder ?? '');
    const env = { ETCDCTL_ENDPOINTS: server.endpoint };
    for (const value of ['red', 'green']) await quoratectl({ argv: ['put', 'fruit', value], env });
    await quoratectl({ argv: ['del', 'fruit'], env });
    const until = { stdout: /DELETE.*\n/, then: 'kill' } as const;
    const { stdout } = await quoratectl({ argv: ['watch', 'fruit', '--rev=1', '--diff'], env, until });
    expect(stdout.replace(/^\S+ /gm, '')).toBe(
      'PUT    fruit  new red (revision 2)\nPUT    fruit  red -> green (revision 3)\nDELETE fruit  was green (revision 4)\n',
    );
  },
);
