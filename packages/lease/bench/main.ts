/** How long the lessor takes for many leases: `npx node bench/main.ts [count]`. */
import { performance } from 'node:perf_hooks';
import { ChangeList } from '@quorate/std';
import { Lessor } from '../src/index.ts';

const count = Number(process.argv[2] ?? 100_000);
const rounds = 5;

const steps = ['grant', 'promote', 'renew', 'expire in rounds of 500', 'revoke'] as const;
const times = new Map<string, number[]>(steps.map((step) => [step, []]));

for (let round = 0; round < rounds; round++) runRound();
for (const step of steps) {
  const sorted = times.get(step)!.toSorted((a, b) => a - b);
  const median = sorted[sorted.length >> 1]!;
  const perLease = ((median * 1e6) / count).toFixed(0);
  console.log(
    `${step}: median ${median.toFixed(1)} ms of ${rounds} (${sorted[0]!.toFixed(1)} .. ${sorted.at(-1)!.toFixed(1)}), ${perLease} ns a lease`,
  );
}

function runRound(): void {
  const lessor = new Lessor({ minTtlSeconds: 2, electionTimeoutMs: 1000 });
  const changes = new ChangeList();
  measure('grant', () => {
    for (let i = 1; i <= count; i++)
      lessor.grant({ id: BigInt(i) << 20n, ttlSeconds: 60 }, i / 1000, changes);
  });
  measure('promote', () => lessor.promote(0));
  measure('renew', () => {
    for (let i = 1; i <= count; i++) lessor.renew(BigInt(i) << 20n, i / 1000);
  });
  const due: bigint[] = [];
  measure('expire in rounds of 500', () => {
    for (;;) {
      const some = lessor.expired(1e6, 500);
      if (some.length === 0) break;
      due.push(...some);
    }
  });
  measure('revoke', () => {
    for (const id of due) lessor.revoke(id, changes);
  });
  if (due.length !== count || lessor.size !== 0) throw new Error('a lease was lost');
}

function measure(step: (typeof steps)[number], action: () => void): void {
  const start = performance.now();
  action();
  times.get(step)!.push(performance.now() - start);
}
