/**
 * Runs abstract-level's own suite against RocksLevel and prints what tape prints. A program of its own:
 * tape wants to own the process. `abstract-suite.test.ts` runs it and counts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RocksLevel, type RocksLevelOptions } from '../src/index.ts';

/** The little of tape, and of the suite, that is used here; neither declares types. */
type Tape = object & { onFinish(action: () => void): void };
type Suite = (options: {
  test: Tape;
  factory: (options?: RocksLevelOptions<string, string>) => RocksLevel;
}) => void;

const require = createRequire(import.meta.url);
// Types of modules that declare none; see above.
const tape = require('tape') as Tape;
const suite = require('abstract-level/test') as Suite;

const directory = mkdtempSync(join(tmpdir(), 'rocks-level-suite-'));
let made = 0;

suite({
  test: tape,
  factory: (options) => new RocksLevel(join(directory, String(made++)), options),
});
tape.onFinish(() => rmSync(directory, { recursive: true, force: true }));
