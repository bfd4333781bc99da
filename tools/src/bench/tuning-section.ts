import { startEtcd } from '@quorate/e2e';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asShipped, commonFlags, type BenchRun } from './bench-run.ts';
import { measureOnce, perSecondOf, prepare } from './calls-section.ts';
import { pinTo, type Placement } from './placement.ts';
import type { EtcdSetting, TuningResult, TuningTrial } from './results.ts';

/** More between two commits of the store, and less often. */
const largeBatches = ['--backend-batch-interval=1s', '--backend-batch-limit=100000'];

/** What may make an etcd faster on a small machine, without giving up what it promises. */
const settings: readonly EtcdSetting[] = [
  asShipped,
  { name: 'GOGC=400', flags: [], env: { GOGC: '400' } },
  { name: 'GOMAXPROCS=1', flags: [], env: { GOMAXPROCS: '1' } },
  { name: 'GOMAXPROCS=4', flags: [], env: { GOMAXPROCS: '4' } },
  { name: 'batches of 1 s or 100,000', flags: largeBatches, env: {} },
  { name: '--snapshot-count=10000', flags: ['--snapshot-count=10000'], env: {} },
  { name: 'GOGC=400 and those batches', flags: largeBatches, env: { GOGC: '400' } },
];

/** What counts as tuned when no sweep was made: the best of those that were. */
const defaultSetting = settings.at(-1)!;
export const defaultTuning: TuningResult = { seconds: 0, placements: [] };

/** How the tuned etcd is started, by the sweep or without one. */
export function settingsOf({ placements }: TuningResult): Readonly<Record<Placement, EtcdSetting>> {
  const chosen = (wanted: Placement): EtcdSetting =>
    placements.find(({ placement }) => placement === wanted)?.chosen ?? defaultSetting;
  return { pinned: chosen('pinned'), shared: chosen('shared') };
}

/** Starts an etcd in each of the ways, and sees how many puts and linearizable gets a second it does. */
export async function runTuningSection(run: BenchRun): Promise<TuningResult> {
  const dir = join(run.dir, 'tuning');
  await mkdir(dir);
  const placements: TuningResult['placements'][number][] = [];
  for (const placement of run.placements) {
    const trials: TuningTrial[] = [];
    for (const [at, setting] of settings.entries()) {
      run.progress(`tuning: ${setting.name}, ${placement}`);
      trials.push(
        await measureSetting(run, { setting, placement, dataDir: join(dir, `${placement}-${at}`) }),
      );
    }
    placements.push({ placement, trials, chosen: bestOf(trials) });
  }
  return { seconds: run.measureMs / 1000, placements };
}

async function measureSetting(
  run: BenchRun,
  options: { readonly setting: EtcdSetting; readonly placement: Placement; readonly dataDir: string },
): Promise<TuningTrial> {
  const { setting, placement, dataDir } = options;
  const flags = [...commonFlags, ...setting.flags];
  const wrapper = pinTo('server', placement);
  await using member = await startEtcd({ dataDir, flags, wrapper, env: setting.env });
  await prepare(run.loads.of(placement), member);
  const rateOf = async (workload: 'put' | 'linearizable get'): Promise<number> => {
    const plan = { workload, inFlight: 100, connections: 10 };
    return perSecondOf(await measureOnce(run, plan, { member, placement }));
  };
  return { setting, putsPerSecond: await rateOf('put'), getsPerSecond: await rateOf('linearizable get') };
}

/** The one with the highest product of both rates, other than as shipped, which is measured anyway. */
export function bestOf(trials: readonly TuningTrial[]): EtcdSetting {
  const scoreOf = ({ putsPerSecond, getsPerSecond }: TuningTrial): number => putsPerSecond * getsPerSecond;
  const [best] = trials
    .filter(({ setting }) => setting.name !== asShipped.name)
    .toSorted((a, b) => scoreOf(b) - scoreOf(a));
  return best?.setting ?? defaultSetting;
}
