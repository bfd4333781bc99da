import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { configOf } from '../src/config/options.ts';
import { newLogger } from '../src/logging.ts';
import { RotatingFile } from '../src/logs/rotating-file.ts';
import { rotationOf, type RotationSettings } from '../src/logs/rotation-settings.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-rotation-'));
  path = join(dir, 'member.log');
});
afterEach(() => rmSync(dir, { recursive: true }));

const keepAll = { maxBytes: 20, maxAgeDays: 0, maxBackups: 0, localTime: false, compress: false };
/** Ten bytes. */
const line = (i: number): string => `line ${String(i).padStart(4, '0')}\n`;
const noon = Date.UTC(2026, 10, 23, 12);
const hourMs = 3_600_000;

/** A file whose clock goes on by an hour with each look at it. */
function openAt(settings: Partial<RotationSettings> = {}, startMs = noon): RotatingFile {
  let nowMs = startMs - hourMs;
  return new RotatingFile(path, { ...keepAll, ...settings }, () => new Date((nowMs += hourMs)));
}

const namesIn = (): string[] => readdirSync(dir).sort();
const backups = (): string[] => namesIn().filter((name) => name !== 'member.log');
const read = (name: string): string => readFileSync(join(dir, name), 'utf8');

describe('a file', () => {
  test('is put aside before it grows too long, by names with the time, and no line is lost', async () => {
    const file = openAt();
    for (let i = 0; i < 5; i++) file.write(line(i));
    await file.tidied;
    expect(namesIn()).toEqual([
      'member-2026-11-23T13-00-00.000.log',
      'member-2026-11-23T14-00-00.000.log',
      'member.log',
    ]);
    expect(namesIn().map(read)).toEqual([line(0) + line(1), line(2) + line(3), line(4)]);
    file.close();
  });

  test('that is there is gone on with', () => {
    writeFileSync(path, line(0));
    const file = openAt();
    file.write(line(1));
    file.write(line(2));
    expect(namesIn().map(read)).toEqual([line(0) + line(1), line(2)]);
    file.close();
  });

  test('keeps its mode; a new one is its owner’s alone', () => {
    const file = openAt();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    chmodSync(path, 0o640);
    for (let i = 0; i < 3; i++) file.write(line(i));
    expect(statSync(path).mode & 0o777).toBe(0o640);
    file.close();
  });

  test('holds a line that is too long for any', () => {
    const file = openAt();
    const long = `${'x'.repeat(100)}\n`;
    for (const text of [line(0), long, line(1)]) file.write(text);
    expect(namesIn().map(read)).toEqual([line(0), long, line(1)]);
    file.close();
  });

  test('that somebody else has moved away is begun anew', () => {
    const file = openAt();
    file.write(line(0));
    renameSync(path, join(dir, 'elsewhere'));
    file.write(line(1));
    file.write(line(2));
    expect(read('elsewhere')).toBe(line(0) + line(1));
    expect(read('member.log')).toBe(line(2));
    file.close();
  });

  test('never takes the place of one that was put aside in the same moment', () => {
    const file = new RotatingFile(path, keepAll, () => new Date(noon));
    for (let i = 0; i < 7; i++) file.write(line(i));
    expect(backups().map((name) => name.slice(-8, -4))).toEqual(['.000', '.001', '.002']);
    file.close();
  });
});

describe('of what was put aside', () => {
  const fill = async (file: RotatingFile, lines: number): Promise<void> => {
    for (let i = 0; i < lines; i++) file.write(line(i));
    await file.tidied;
    file.close();
  };

  test('the newest stay, as many as asked for', async () => {
    await fill(openAt({ maxBackups: 2 }), 11);
    expect(backups()).toEqual(['member-2026-11-23T16-00-00.000.log', 'member-2026-11-23T17-00-00.000.log']);
  });

  test('what is too old goes, and nothing of others', async () => {
    const others = [
      'member-notes.log',
      'member-2026-01-01T00-00-00.000.txt',
      'other-2026-01-01T00-00-00.000.log',
    ];
    for (const name of [
      ...others,
      'member-2026-11-22T11-59-59.999.log',
      'member-2026-11-22T12-00-00.000.log.gz',
    ])
      writeFileSync(join(dir, name), '');
    const file = openAt({ maxAgeDays: 1 });
    await file.tidied;
    expect(backups()).toEqual(['member-2026-11-22T12-00-00.000.log.gz', ...others].sort());
    file.close();
  });

  test('everything is compressed, once, with what an earlier process has left', async () => {
    writeFileSync(join(dir, 'member-2026-11-22T12-00-00.000.log'), 'earlier');
    writeFileSync(join(dir, 'member-2026-11-21T12-00-00.000.log.gz.tmp'), 'half');
    await fill(openAt({ compress: true, maxBackups: 3 }), 5);
    const compressed = backups();
    expect(compressed).toEqual([
      'member-2026-11-22T12-00-00.000.log.gz',
      'member-2026-11-23T13-00-00.000.log.gz',
      'member-2026-11-23T14-00-00.000.log.gz',
    ]);
    const texts = compressed.map((name) => gunzipSync(readFileSync(join(dir, name))).toString());
    expect(texts).toEqual(['earlier', line(0) + line(1), line(2) + line(3)]);
  });

  test('names have the time of here where that is asked for', async () => {
    const file = openAt({ localTime: true, maxAgeDays: 1 });
    for (let i = 0; i < 3; i++) file.write(line(i));
    await file.tidied;
    const at = new Date(noon + hourMs);
    expect(backups()[0]).toContain(`T${String(at.getHours()).padStart(2, '0')}-`);
    file.close();
  });
});

describe('settings', () => {
  test('are etcd’s, and each has a default', () => {
    const { enableLogRotation, logRotationConfigJson } = configOf({}).config;
    expect(enableLogRotation).toBe(false);
    const defaults = { ...keepAll, maxBytes: 100 * 1024 ** 2 };
    expect(rotationOf(logRotationConfigJson)).toEqual(defaults);
    expect(rotationOf('{"maxsize": 0, "unknown": 7}')).toEqual(defaults);
    expect(
      rotationOf('{"MaxSize": 1, "maxage": 2, "maxbackups": 3, "localtime": true, "compress": true}'),
    ).toEqual({ maxBytes: 1024 ** 2, maxAgeDays: 2, maxBackups: 3, localTime: true, compress: true });
  });

  const refusal = (options: Parameters<typeof configOf>[0]) => () =>
    configOf({ enableLogRotation: true, logOutputs: path, ...options });

  test.each([
    ['', /improperly formatted log rotation config: /],
    ['nonsense', /improperly formatted log rotation config: /],
    ['[]', /invalid log rotation config: it must be a map/],
    ['{"maxsize": "x"}', /invalid log rotation config: maxsize must be a whole number/],
    ['{"maxsize": 1.5}', /invalid log rotation config: maxsize must be a whole number/],
    ['{"maxbackups": -1}', /invalid log rotation config: maxbackups must be a whole number/],
    ['{"compress": 1}', /invalid log rotation config: compress must be true or false/],
  ])('%s is refused by its flag', (logRotationConfigJson, reason) => {
    expect(refusal({ logRotationConfigJson })).toThrow(/^--log-rotation-config-json: /);
    expect(refusal({ logRotationConfigJson })).toThrow(reason);
  });

  test('need exactly one file; streams of the process may be beside it', () => {
    const text = '--log-outputs requires a single file path when --log-rotate-config-json is defined';
    for (const logOutputs of ['default', 'stdout,stderr', '/tmp/a,/tmp/b'])
      expect(refusal({ logOutputs })).toThrow(text);
    expect(refusal({ logOutputs: `stderr,${path}` })).not.toThrow();
  });
});

test('a logger writes to a file that is rotated', () => {
  const log = newLogger({
    ...{ logLevel: 'info', logOutputs: path, name: 'm1', enableLogRotation: true },
    logRotationConfigJson: '{"maxsize": 1}',
  });
  const text = 'x'.repeat(400 * 1024);
  for (let i = 0; i < 3; i++) log.info({ text }, 'a long line');
  expect(backups()).toHaveLength(1);
  for (const text of namesIn().map(read))
    expect(
      text
        .trimEnd()
        .split('\n')
        .every((json) => JSON.parse(json) !== undefined),
    ).toBe(true);
});

test('in the format for people, a line has tabs between time, level, message and fields', () => {
  const log = newLogger({ logLevel: 'info', logOutputs: path, name: 'm1', logFormat: 'console' });
  log.warn({ alarm: 'NOSPACE' }, 'an alarm\twas raised');
  expect(read('member.log')).toMatch(
    /^\d{4}-\d\d-\d\dT[\d:.]+Z\twarn\tan alarm was raised\t\{"member":"m1","alarm":"NOSPACE"\}\n$/,
  );
});
