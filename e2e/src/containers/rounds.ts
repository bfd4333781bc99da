import { SeededRandom } from '@quorate/std';
import { withContainers } from './container-cluster.ts';
import { faultNames, faults, underLoad } from './faults.ts';

/** Faults by chance, several to a cluster, after which all that clients saw is judged; started by `main.ts`. */
const [rounds = 0, firstSeed = Date.now() % 2 ** 31] = process.argv.slice(2).map(Number);
const roundsPerCluster = 8;
const writesBefore = { min: 20, max: 150 };

for (let [done, seed] = [0, firstSeed]; done < rounds; seed++) {
  const random = new SeededRandom(seed);
  const count = Math.min(roundsPerCluster, rounds - done);
  const names = Array.from({ length: count }, () => faultNames[random.below(faultNames.length)]!);
  console.log(`seed ${seed}: ${names.join(', ')}`);
  const { answered, unknown, acknowledgedWrites } = await withContainers({ gateways: 2 }, (cluster) =>
    underLoad(cluster, { seed, targets: [...cluster.members, ...cluster.gateways] }, async (context) => {
      for (const name of names) {
        await context.moreWrites(writesBefore.min + random.below(writesBefore.max - writesBefore.min));
        await faults[name](context);
      }
    }),
  );
  done += count;
  console.log(
    `${done} rounds: ${answered} operations answered and ${unknown} unknown, ${acknowledgedWrites} acknowledged ` +
      'writes; linearizable, none lost, members equal',
  );
}
