/**
 * Boot scan, writes and reads of the engines that a member could stand on, with rows as mvcc makes them: one
 * revision a row (340 bytes), and the revisions of a commit packed into one row (20 KB). Each engine and size
 * runs in a process of its own.
 *
 *     npm run bench --workspace packages/rocksdb-level [-- --keys=1000000]
 */
import { spawnSync } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { engines, type Engine, type Row } from './engines.ts';

const revisionSize = 320;
const packedCount = 62; // Revisions in a packed row of about 20 KB.

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '300000' },
    runs: { type: 'string', default: '5' },
    engine: { type: 'string' },
    packed: { type: 'boolean', default: false },
  },
});

if (flags.engine === undefined) runAll();
else await runOne(flags.engine);

function runAll(): void {
  console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model}, ${flags.keys} keys`);
  for (const shape of [['--packed'], []]) {
    for (const engine of Object.keys(engines)) {
      const own = ['--no-warnings', import.meta.filename, `--keys=${flags.keys}`, `--runs=${flags.runs}`];
      spawnSync(process.execPath, [...own, `--engine=${engine}`, ...shape], { stdio: 'inherit' });
    }
  }
}

async function runOne(name: string): Promise<void> {
  const open = engines[name];
  if (open === undefined) throw new Error(`no engine ${name}`);
  const directory = await mkdtemp(join(tmpdir(), 'rocksdb-level-bench-'));
  const rowCount = flags.packed ? Math.ceil(Number(flags.keys) / packedCount) : Number(flags.keys);
  const valueSize = flags.packed ? revisionSize * packedCount : revisionSize;
  try {
    let db = await open(directory);
    const load = await timed(() => fill(db, rowCount, valueSize));
    await db.close();

    const scans: Timing[] = [];
    for (let run = 0; run < Number(flags.runs); run++) {
      scans.push(
        await timed(async () => {
          db = await open(directory);
          const seen = await db.scan();
          if (seen.rowCount !== rowCount) throw new Error(`${seen.rowCount} rows of ${rowCount}`);
          await db.close();
        }),
      );
    }

    db = await open(directory);
    const gets: Timing[] = [];
    const syncGets: Timing[] = [];
    for (let run = 0; run < Number(flags.runs); run++) {
      const keys = Array.from({ length: 5000 }, () => keyOf(randomInt(rowCount)));
      const { getSync } = db;
      if (getSync !== undefined) syncGets.push(await timed(async () => getSync(keys)));
      gets.push(await timed(() => getInHundreds(db, keys)));
    }
    await db.close();

    const title = `${name.padEnd(15)} ${String(valueSize).padStart(6)} B x ${rowCount}`;
    console.log(
      `${title}: load ${show([load], rowCount)} | open + scan + close ${show(scans, 1000)} (ms) | ` +
        `getSync ${show(syncGets, 5000)} | get, 100 a call ${show(gets, 5000)} | ` +
        `peak rss ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`,
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Rows as they come from commits: in order of their keys, batches of about 340 KB, half of it compressible. */
async function fill(db: Engine, rowCount: number, valueSize: number): Promise<void> {
  const noise = randomBytes(1024 * 1024);
  const batchRows = Math.max(1, Math.round((1000 * revisionSize) / valueSize));
  for (let first = 0; first < rowCount; first += batchRows) {
    const rows: Row[] = [];
    for (let at = first; at < Math.min(rowCount, first + batchRows); at++) {
      const value = new Uint8Array(valueSize);
      const half = valueSize >> 1;
      value.set(noise.subarray(randomInt(noise.length - half)).subarray(0, half));
      rows.push({ key: keyOf(at), value });
    }
    await db.write(rows);
  }
}

async function getInHundreds(db: Engine, keys: readonly Uint8Array[]): Promise<void> {
  for (let at = 0; at < keys.length; at += 100) await db.get(keys.slice(at, at + 100));
}

/** Keys of 17 bytes, as revisions have them. */
function keyOf(at: number): Uint8Array {
  const key = new Uint8Array(17);
  new DataView(key.buffer).setBigUint64(0, BigInt(at));
  key[8] = 0x5f;
  return key;
}

/** Microseconds. */
interface Timing {
  readonly wall: number;
  readonly cpu: number;
}

async function timed(work: () => Promise<unknown>): Promise<Timing> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { wall: (performance.now() - start) * 1000, cpu: user + system };
}

/** Median wall / median CPU, each divided; and the spread of the wall. */
function show(timings: readonly Timing[], by: number): string {
  if (timings.length === 0) return 'none';
  const sorted = (pick: (timing: Timing) => number): number[] => timings.map(pick).sort((a, b) => a - b);
  const walls = sorted(({ wall }) => wall);
  const cpusUsed = sorted(({ cpu }) => cpu);
  const middle = timings.length >> 1;
  const text = (value: number | undefined): string => ((value ?? 0) / by).toFixed(1);
  return `${text(walls[middle])} / ${text(cpusUsed[middle])} [${text(walls[0])} .. ${text(walls.at(-1))}]`;
}
