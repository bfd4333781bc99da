import { parseArgs } from 'node:util';
import { SeededRandom } from '@quorate/std';
import { faultNames, measureFailover, quantiles, runClusterRounds, snapshotFlags } from '@quorate/e2e';

/**
 * `npm run cluster-rounds -- --rounds=500 --seed=7`: faults drawn by chance strike clusters of real processes under
 * load, and after every so many of them all that clients saw is judged. `--failover`: kills the leader that often and
 * says how long no write was acknowledged. `--kinds=quorate,etcd,quorate` mixes in members of a real etcd.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    'rounds-per-cluster': { type: 'string', default: '10' },
    seed: { type: 'string' },
    kinds: { type: 'string', default: 'quorate,quorate,quorate' },
    failover: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
const perCluster = Number(values['rounds-per-cluster']);
const kinds = values.kinds.split(',').map((kind) => {
  if (kind === 'quorate' || kind === 'etcd') return kind;
  throw new Error(`--kinds: "${kind}" is neither quorate nor etcd`);
});

if (values.failover) await printFailovers();
else await runFaults(Number(values.seed ?? Date.now() % 2 ** 31));

async function printFailovers(): Promise<void> {
  const onRound = (round: number, ms: number) => console.log(`round ${round + 1}: ${ms.toFixed(0)} ms`);
  const { min, median, p99, max } = quantiles(await measureFailover({ rounds, kinds, onRound }));
  const text = Object.entries({ min, median, p99, max }).map(([name, ms]) => `${name} ${ms.toFixed(0)} ms`);
  console.log(`kill -9 of the leader to the first write acknowledged, ${rounds} rounds: ${text.join(', ')}`);
}

async function runFaults(seed: number): Promise<void> {
  let [done, writes, answered, unknown] = [0, 0, 0, 0];
  for (let cluster = 0; done < rounds; cluster++) {
    const random = new SeededRandom(seed + cluster);
    const count = Math.min(perCluster, rounds - done);
    const faults = Array.from({ length: count }, () => faultNames[random.below(faultNames.length)]!);
    console.log(`seed ${seed + cluster}: ${faults.join(', ')}`);
    const result = await runClusterRounds({ faults, seed: seed + cluster, kinds, flags: snapshotFlags });
    done += count;
    writes += result.acknowledgedWrites;
    answered += result.answered;
    unknown += result.unknown;
    console.log(
      `${done} rounds: ${answered} operations answered and ${unknown} unknown, ${writes} acknowledged writes; ` +
        'linearizable, none lost, members equal',
    );
  }
}
