/**
 * How long the main checker takes for a long history, and how much memory: `npx node bench/linearizability.ts`.
 * The history is made first, by clients that each have one call under way; its memory counts.
 */
import { performance } from 'node:perf_hooks';
import { SeededRandom } from '@quorate/std';
import { checkLinearizable, TruthLog } from '../src/index.ts';
import { longRun } from './long-run.ts';

const operationCount = Number(process.argv[2] ?? 1_000_000);
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

const run = longRun(new SeededRandom(1), { operationCount, clientCount: 32, keyCount: 10_000 });
console.log(`${operationCount} operations, history made: RSS ${mib(process.memoryUsage.rss())}`);

for (const [name, truth] of [
  ['by the revisions of the writes', () => undefined],
  ['by the log', () => TruthLog.ofEntries(run.entries)],
  ['by a watch of all keys', () => TruthLog.ofEvents(run.events)],
] as const) {
  const start = performance.now();
  const { violationCount, unresolved } = checkLinearizable(run.history, truth());
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `${name.padEnd(32)} ${seconds.toFixed(2)} s, ${violationCount} violations, ${unresolved.length} unresolved, RSS ${mib(process.memoryUsage.rss())}, highest ${mib(process.resourceUsage().maxRSS * 1024)}`,
  );
}
