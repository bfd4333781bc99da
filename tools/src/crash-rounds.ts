import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runCrashRounds } from '@quorate/e2e';

/** `npm run crash-rounds -- --rounds=1000 --seed=7`: kills a member under load that often, or stops it, and checks it each time. */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1000' },
    seed: { type: 'string' },
    dir: { type: 'string', default: tmpdir() },
  },
});
const rounds = Number(values.rounds);
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const dataDir = await mkdtemp(join(values.dir, 'quorate-kill-'));
console.log(`seed ${seed}, ${rounds} rounds in ${dataDir}`);
const result = await runCrashRounds({
  dataDir,
  rounds,
  seed,
  flags: ['--snapshot-count=500', '--backend-batch-interval=20ms'],
  onRound: (round, acknowledged) => {
    if (round % 50 === 49) console.log(`round ${round + 1}: ${acknowledged} acknowledged writes, none lost`);
  },
});
console.log(
  `${result.kills} kills and ${result.stops} stops in order, ${result.acknowledged} acknowledged writes, none lost, ` +
    'nothing else changed',
);
await rm(dataDir, { recursive: true });
