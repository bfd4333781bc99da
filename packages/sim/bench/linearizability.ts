/**
 * How long the main checker takes for a long history, and how much memory: `npx node bench/linearizability.ts [count]`.
 * Each source of truth has a process of its own, which makes the history first: that counts in its memory too, as do
 * the answers, of which each has key-values of its own.
 */
import { execFileSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { SeededRandom } from '@quorate/std';
import { checkLinearizable, TruthLog } from '../src/index.ts';
import { longRun } from './long-run.ts';

const sources = ['revisions', 'log', 'events'] as const;
const [count = '1000000', source] = process.argv.slice(2);
const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

if (source === undefined) {
  for (const name of sources) {
    execFileSync(process.execPath, [fileURLToPath(import.meta.url), count, name], { stdio: 'inherit' });
  }
} else {
  measure(source);
}

function measure(source: string): void {
  const options = { operationCount: Number(count), clientCount: 32, keyCount: 10_000 };
  const { history, entries, events } = longRun(new SeededRandom(1), {
    ...options,
    withEntries: source === 'log',
    withEvents: source === 'events',
  });
  const before = process.memoryUsage.rss();
  const start = performance.now();
  const cpuStart = process.cpuUsage();
  const truth =
    source === 'log'
      ? TruthLog.ofEntries(entries)
      : source === 'events'
        ? TruthLog.ofEvents(events)
        : undefined;
  const { violationCount, unresolved } = checkLinearizable(history, truth);
  const seconds = (performance.now() - start) / 1000;
  const cpu = process.cpuUsage(cpuStart);
  const cpuSeconds = (cpu.user + cpu.system) / 1e6;
  const highest = mib(process.resourceUsage().maxRSS * 1024);
  console.log(
    `${count} operations by ${source.padEnd(9)} ${seconds.toFixed(2)} s (${cpuSeconds.toFixed(2)} s of CPU), ` +
      `${violationCount} violations, ${unresolved.length} unresolved; RSS ${mib(before)} with the history, ${highest} at most`,
  );
}
