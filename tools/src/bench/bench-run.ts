import { startEtcd, startQuorate, type MemberProcess } from '@quorate/e2e';
import { join } from 'node:path';
import type { LoadProcess } from './load-process.ts';
import type { Loads } from './loads.ts';
import { pinTo, type Placement } from './placement.ts';
import type { Contender, EtcdSetting } from './results.ts';

/** What all sections need. */
export interface BenchRun {
  /** An empty folder on the disk that is measured. */
  readonly dir: string;
  readonly repetitions: number;
  /** How often a row is measured at most, when its figures lie far apart. */
  readonly repetitionsMax: number;
  readonly measureMs: number;
  /** Load before a measurement that does not count; the first time that a server sees it, and later. */
  readonly firstWarmUpMs: number;
  readonly warmUpMs: number;
  /** How long a light load goes on before and after what it is there to see. */
  readonly calmMs: number;
  readonly loads: Loads;
  /** Those that this machine has. */
  readonly placements: readonly Placement[];
  /** How the tuned etcd is started. */
  readonly settings: Readonly<Record<Placement, EtcdSetting>>;
  /** Tells whoever waits how far it is. */
  readonly progress: (text: string) => void;
}

/** The generator that may use all cores. */
export function sharedLoad({ loads }: BenchRun): LoadProcess {
  return loads.of('shared');
}

/** Enough for every section. Everything else is as both servers come. */
export const commonFlags = ['--quota-backend-bytes=8589934592'] as const;

/** As an etcd comes. */
export const asShipped: EtcdSetting = { name: 'as shipped', flags: [], env: {} };

/** Starts one side with the data it had before, if any. */
export function startSide(
  run: BenchRun,
  side: Contender,
  { dir, placement = 'shared' }: { readonly dir: string; readonly placement?: Placement },
): Promise<MemberProcess> {
  const dataDir = join(dir, side);
  const wrapper = pinTo('server', placement);
  if (side === 'quorate') return startQuorate({ dataDir, flags: commonFlags, wrapper });
  const { flags, env } = side === 'tuned' ? run.settings[placement] : asShipped;
  return startEtcd({ dataDir, wrapper, env, flags: [...commonFlags, ...flags] });
}

/** Starts several sides, and ends them when `use` is done. */
export async function withSides<T>(
  run: BenchRun,
  sides: readonly Contender[],
  where: { readonly dir: string; readonly placement: Placement },
  use: (members: ReadonlyMap<Contender, MemberProcess>) => Promise<T>,
): Promise<T> {
  await using resources = new AsyncDisposableStack();
  const members = new Map<Contender, MemberProcess>();
  for (const side of sides) members.set(side, resources.use(await startSide(run, side, where)));
  return await use(members);
}

/** The warm-up of a repetition: a server that has not seen a load compiles code, and grows pools. */
export function warmUpOf(run: BenchRun, repetition: number): number {
  return repetition === 0 ? run.firstWarmUpMs : run.warmUpMs;
}
