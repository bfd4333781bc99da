import { parseArgs } from 'node:util';
import { faultKinds, type FaultKind } from './world/swarm.ts';

/** What `npm run sim` was asked to do. */
export interface CliOptions {
  readonly firstSeed: number;
  readonly seeds: number;
  /** Stops after this time even if seeds are left. */
  readonly minutes: number | undefined;
  /** Members of every cluster; by default each seed draws. */
  readonly members: number | undefined;
  /** Only these faults, and much of them; by default each seed draws. */
  readonly faults: readonly FaultKind[] | undefined;
  /** Only clusters with users, or only without; by default each seed draws. */
  readonly auth: boolean | undefined;
  /** A planted bug that the members run with. */
  readonly bug: string | undefined;
  readonly jobs: number;
  /** Prints every event. */
  readonly trace: boolean;
  /** Prints the counters of rare states. */
  readonly counters: boolean;
  /** Goes on after a seed that failed. */
  readonly keepGoing: boolean;
  /** Only wants to know whether, and where, a seed fails. */
  readonly isHunt: boolean;
}

export const usage = `npm run sim -- [options]

  --seeds N        how many seeds to run (1; 100 without --seed)
  --seed S         the first seed (1)
  --minutes M      stop after M minutes
  --members N      clusters of N members instead of what each seed draws
  --faults A,B     only these faults (${Object.keys(faultKinds).join(', ')})
  --auth on|off    clusters with users, or without, instead of what each seed draws
  --bug NAME       run with a planted bug (--bug list: names them;
                   --bug all: all of them, one after the other, as a table)
  --jobs N         processes side by side (2)
  --trace          print every event (one process)
  --counters       print how often rare states were reached
  --keep-going     go on after a seed that failed`;

/** @throws TypeError for options that there are not, Error for values that make no sense */
export function parseOptions(args: readonly string[]): CliOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string' },
      seed: { type: 'string' },
      minutes: { type: 'string' },
      members: { type: 'string' },
      faults: { type: 'string' },
      auth: { type: 'string' },
      bug: { type: 'string' },
      jobs: { type: 'string' },
      trace: { type: 'boolean', default: false },
      counters: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
    },
  });
  return {
    firstSeed: number('seed', values.seed) ?? 1,
    seeds:
      number('seeds', values.seeds) ??
      (values.seed === undefined ? (values.minutes === undefined ? 100 : 1e9) : 1),
    minutes: number('minutes', values.minutes),
    members: number('members', values.members),
    faults: values.faults?.split(',').map(faultKind),
    auth: onOrOff('auth', values.auth),
    bug: values.bug,
    jobs: values.trace ? 1 : (number('jobs', values.jobs) ?? 2),
    trace: values.trace,
    counters: values.counters,
    keepGoing: values['keep-going'],
    isHunt: false,
  };
}

function number(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0) throw new Error(`--${name} takes a number above 0, not ${text}`);
  return value;
}

function onOrOff(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text !== 'on' && text !== 'off') throw new Error(`--${name} is on or off, not ${text}`);
  return text === 'on';
}

/** @throws Error when there is no such fault */
function faultKind(name: string): FaultKind {
  if (!Object.hasOwn(faultKinds, name)) throw new Error(`there is no fault ${name}`);
  return name as FaultKind; // As the line above found.
}

/** The one command that runs a seed again, bit for bit. */
export function replayCommand(
  seed: number,
  { members, bug, faults, auth }: Pick<CliOptions, 'members' | 'bug' | 'faults' | 'auth'>,
): string {
  const parts = [`npm run sim -- --seed ${seed}`];
  if (members !== undefined) parts.push(`--members ${members}`);
  if (faults !== undefined) parts.push(`--faults ${faults.join()}`);
  if (auth !== undefined) parts.push(`--auth ${auth ? 'on' : 'off'}`);
  if (bug !== undefined) parts.push(`--bug ${bug}`);
  return parts.join(' ');
}
