/**
 * Asks all linearizability checkers about random small histories, as `test/checkers/agreement.test.ts` does, but as many
 * as one likes: `npx node bench/agreement.ts [count] [first seed]`. Ends with 1 when any two of them disagree.
 */
import { performance } from 'node:perf_hooks';
import { compareCheckers } from '../test/checkers/compare-checkers.ts';

const count = Number(process.argv[2] ?? 1_000_000);
const firstSeed = Number(process.argv[3] ?? 1);
const start = performance.now();
const { rightCount, wrongCount, mutations, disagreements } = compareCheckers(firstSeed, count);
const seconds = (performance.now() - start) / 1000;

console.log(
  `${count} histories from seed ${firstSeed}: ${rightCount} right, ${wrongCount} wrong, ${seconds.toFixed(0)} s`,
);
for (const [name, { count: mutated, harmless }] of [...mutations].sort()) {
  console.log(`  ${name.padEnd(44)} ${mutated} histories, ${harmless} of them still right by brute force`);
}
for (const disagreement of disagreements.slice(0, 10)) console.log(disagreement);
console.log(`${disagreements.length} disagreements`);
process.exitCode = disagreements.length === 0 ? 0 : 1;
