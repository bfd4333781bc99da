import { spawnSync } from 'node:child_process';
import { startServer } from '../src/index.ts';

/** Starts in memory of which the median is printed, and fresh processes for the first start of each. */
const warmStarts = 20;
const freshProcesses = 5;

/** The door, or what `npm run build` made of it: `npm run bench -- dist/src/index.js`. */
const door = process.argv[2] ?? 'src/index.ts';

const program = `
  const startedAt = performance.now();
  const { startServer } = await import(${JSON.stringify(new URL(`../${door}`, import.meta.url).href)});
  const importedAt = performance.now();
  const server = await startServer();
  const readyAt = performance.now();
  await server.close();
  console.log(JSON.stringify([importedAt - startedAt, readyAt - importedAt, performance.now()]));`;

/** Milliseconds of the import, of the start behind it, and of all of the process. */
function firstStart(): [number, number, number] {
  const { stdout } = spawnSync(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', program],
    {
      encoding: 'utf8',
    },
  );
  // What the program above has printed.
  return JSON.parse(stdout) as [number, number, number];
}

async function startAgain(): Promise<number> {
  const startedAt = performance.now();
  const server = await startServer();
  const durationMs = performance.now() - startedAt;
  await server.close();
  return durationMs;
}

function report(name: string, figures: readonly number[]): void {
  const sorted = figures.toSorted((a, b) => a - b).map((ms) => ms.toFixed(1));
  process.stdout.write(`${name}: ${sorted[sorted.length >> 1]} ms (${sorted[0]} to ${sorted.at(-1)})\n`);
}

const firsts = Array.from({ length: freshProcesses }, firstStart);
report(
  'import, in a fresh process',
  firsts.map(([importMs]) => importMs),
);
report(
  'first start behind it',
  firsts.map(([, startMs]) => startMs),
);
report(
  'the whole process',
  firsts.map(([, , wholeMs]) => wholeMs),
);
for (let i = 0; i < warmStarts; i++) await startAgain();
const warm: number[] = [];
for (let i = 0; i < warmStarts; i++) warm.push(await startAgain());
report('start in a process that has started others', warm);
