import type { MemberProcess } from '@quorate/e2e';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withSides, type BenchRun } from './bench-run.ts';
import { contendersOf } from './calls-section.ts';
import { listKeySize, listValueSize, prefixes } from './dataset.ts';
import type { LoadResult } from './load-job.ts';
import { orderOf, spreadOf } from './measure.ts';
import type { Placement } from './placement.ts';
import { phaseOf } from './recovery.ts';
import { contenders, type Contender, type InterferenceResult, type InterferenceSide } from './results.ts';

const putsPerSecond = 500;
const fullListKeys = 100_000;
const quickListKeys = 1000;

/** Longer than a row of calls: 1 in 1000 of these puts should be more than one of them. */
const lengthFactor = 3;

/** What clients saw in one repetition. */
interface Round {
  readonly quiet: readonly number[];
  readonly during: readonly number[];
  readonly lists: LoadResult;
}

/** Puts at a fixed pace, first alone and then while a list of 100 MB is read over and over. */
export async function runInterferenceSection(run: BenchRun, isQuick: boolean): Promise<InterferenceResult> {
  const listKeys = isQuick ? quickListKeys : fullListKeys;
  const placements: InterferenceResult['placements'][number][] = [];
  for (const placement of run.placements) {
    const dir = join(run.dir, `interference-${placement}`);
    await mkdir(dir);
    const rounds = await withSides(run, contenders, { dir, placement }, (members) =>
      measureRounds(run, { members, placement, listKeys }),
    );
    placements.push({ placement, sides: contendersOf(rounds, sideOf) });
  }
  return {
    ...{ putsPerSecond, listKeys, listBytes: listKeys * listValueSize, placements },
    seconds: (lengthFactor * run.measureMs) / 1000,
  };
}

interface Measuring {
  readonly members: ReadonlyMap<Contender, MemberProcess>;
  readonly placement: Placement;
  readonly listKeys: number;
}

async function measureRounds(run: BenchRun, measuring: Measuring): Promise<Map<Contender, Round[]>> {
  const { members, placement, listKeys } = measuring;
  const load = run.loads.of(placement);
  const rounds = new Map<Contender, Round[]>();
  for (const [side, { endpoint }] of members) {
    run.progress(`interference: filling ${side}, ${placement}`);
    await load.run({
      ...{ kind: 'fill', endpoint, prefix: prefixes.long, count: listKeys },
      ...{ keySize: listKeySize, valueSize: listValueSize, connections: 10, inFlight: 100 },
    });
    rounds.set(side, []);
  }
  for (let repetition = 0; repetition < run.repetitions; repetition++) {
    for (const side of orderOf(repetition, contenders)) {
      run.progress(`interference: ${side}, ${placement}, ${repetition + 1} of ${run.repetitions}`);
      rounds.get(side)!.push(await measureRound(run, members.get(side)!, measuring));
    }
  }
  return rounds;
}

async function measureRound(
  run: BenchRun,
  { endpoint, pid }: MemberProcess,
  { placement, listKeys }: Measuring,
): Promise<Round> {
  const load = run.loads.of(placement);
  const puts = async (measureMs: number): Promise<readonly number[]> => {
    const job = { kind: 'paced', endpoint, perSecond: putsPerSecond, measureMs } as const;
    return (await load.run(job)).latenciesMs ?? [];
  };
  const quiet = await puts(run.measureMs);
  const duringMs = lengthFactor * run.measureMs;
  const [lists, during] = await Promise.all([
    run.loads.beside(placement).run({
      ...{ kind: 'measure', workload: 'list of 100 MB', keys: listKeys, endpoint, serverPids: [pid] },
      ...{ connections: 1, inFlight: 1, warmUpMs: 0, measureMs: run.warmUpMs + duringMs },
    }),
    sleep(run.warmUpMs).then(() => puts(duringMs)),
  ]);
  return { quiet, during, lists };
}

function sideOf(rounds: readonly Round[]): InterferenceSide {
  return {
    quiet: phaseOf(rounds.flatMap(({ quiet }) => quiet)),
    during: phaseOf(rounds.flatMap(({ during }) => during)),
    p99Ms: spreadOf(rounds.map(({ during }) => phaseOf(during).p99Ms)),
    listsPerSecond: spreadOf(rounds.map(({ lists }) => lists.operations / lists.seconds)),
  };
}
