import { Command, CommanderError } from 'commander';
import { existsSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';

/** What the table at the head of the page is made of: measured unless something else is asked for. */
export const tableSections = ['tuning', 'calls', 'million', 'interference', 'cluster', 'clients'] as const;

export const sectionNames = [...tableSections, 'in-process', 'catch-up', 'snapshot', 'failover'] as const;
export type SectionName = (typeof sectionNames)[number];

export const root = resolve(import.meta.dirname, '../../..');

export interface BenchOptions {
  readonly sections: readonly SectionName[];
  /** How often each side is measured at least; rows whose figures lie far apart are measured more often. */
  readonly repetitions: number;
  readonly seconds: number;
  readonly keys: number;
  /** Entries that a member misses and gets from the leader's log. */
  readonly entries: number;
  /** Keys in the snapshot that a new member gets. */
  readonly snapshotKeys: number;
  /** How often a leader is killed. */
  readonly rounds: number;
  /** A look whether all of it runs; the figures say nothing. */
  readonly quick: boolean;
  /** Folder of the etcd to compare with; undefined leaves it to QUORATE_ETCD_BIN. */
  readonly against: string | undefined;
  /** Where data directories are made. */
  readonly dir: string;
  /** Folder that takes the page and its data; undefined when it is only to be printed. */
  readonly target: string | undefined;
  /** Whether to make the page of what is stored, and measure nothing. */
  readonly render: boolean;
}

/** What is wrong with the options, and what to do about it. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError';
  readonly code = 'BENCH_OPTIONS';
}

/** What is measured when nothing else is asked for, and by `--quick`. */
const full = {
  repetitions: 3,
  seconds: 1.5,
  keys: 1_000_000,
  entries: 100_000,
  snapshotKeys: 500_000,
  rounds: 50,
};
const brief = { repetitions: 1, seconds: 0.2, keys: 10_000, entries: 300, snapshotKeys: 300, rounds: 1 };

const positive = z.coerce.number('must be a number').positive('must be above 0');
const count = positive.int('must be a whole number');

const optionsSchema = z.object({
  only: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.enum(sectionNames, `must be some of ${sectionNames.join(', ')}`)))
    .optional(),
  all: z.boolean(),
  repetitions: count.optional(),
  seconds: positive.optional(),
  keys: count.min(1000, 'must be at least 1000').optional(),
  entries: count.optional(),
  snapshotKeys: count.optional(),
  rounds: count.optional(),
  quick: z.boolean(),
  against: z.string().optional(),
  dir: z.string(),
  to: z.string().optional(),
  write: z.boolean(),
  render: z.boolean(),
});

function newCommand(): Command {
  return new Command('npm run bench --')
    .description(
      'Measures Quorate beside a real etcd and prints a report, or makes docs/benchmarks.md of it.',
    )
    .option('--against <path>', 'the etcd to compare with, or its folder (default: QUORATE_ETCD_BIN)')
    .option('--only <sections>', `some of ${sectionNames.join(', ')}`)
    .option('--all', `all of them, not only ${tableSections.join(', ')}`, false)
    .option('--repetitions <n>', `measurements of each side and row, at least (default: ${full.repetitions})`)
    .option('--seconds <n>', `length of one measurement (default: ${full.seconds})`)
    .option('--keys <n>', `keys of the section "million" (default: ${full.keys})`)
    .option('--entries <n>', `entries that a member catches up on (default: ${full.entries})`)
    .option('--snapshot-keys <n>', `keys of a snapshot that is installed (default: ${full.snapshotKeys})`)
    .option('--rounds <n>', `leaders that are killed (default: ${full.rounds})`)
    .option('--quick', 'go through all of it in some minutes; the figures say nothing', false)
    .option('--dir <folder>', 'where servers have their data', join(root, 'node_modules/.cache'))
    .option(
      '--write',
      'make docs/benchmarks.md, with what is measured now and what is stored of the rest',
      false,
    )
    .option('--to <folder>', 'make benchmarks.md and its data in that folder instead')
    .option('--render', 'measure nothing, make the page of what is stored', false)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}

/**
 * Reads the arguments; undefined when they only asked for help, which has been printed.
 *
 * @throws OptionsError when an option is not known, or has no good value
 */
export function parseOptions(args: readonly string[]): BenchOptions | undefined {
  const command = newCommand();
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new OptionsError(`${error.message.replace(/^error: /, '')}; --help lists all options`);
  }
  const parsed = optionsSchema.safeParse(command.opts());
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = String(issue?.path[0]).replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new OptionsError(`--${name} ${issue?.message}`);
  }
  const { only, all, quick, against, dir, to, write, render, ...sizes } = parsed.data;
  if (quick && write) throw new OptionsError('--quick says nothing, so --write does not take it; try --to');
  const given = Object.fromEntries(Object.entries(sizes).filter(([, value]) => value !== undefined));
  return {
    ...(quick ? brief : full),
    ...given,
    quick,
    render,
    dir: resolve(dir),
    sections: only ?? (all ? sectionNames : tableSections),
    against: against === undefined ? undefined : folderOfEtcd(against),
    target: to === undefined ? (write || render ? join(root, 'docs') : undefined) : resolve(to),
  };
}

/** The folder of an etcd, given as such or as the program in it. @throws OptionsError when there is none */
function folderOfEtcd(path: string): string {
  const full = resolve(path);
  const isFile = statSync(full, { throwIfNoEntry: false })?.isFile() ?? false;
  const folder = isFile ? dirname(full) : full;
  if (existsSync(join(folder, 'etcd'))) return folder;
  throw new OptionsError(`--against ${path}: there is no etcd`);
}

/** The command as others can repeat it: without the paths of this machine. */
export function commandOf(options: BenchOptions): string {
  const { sections, repetitions, seconds, keys, entries, snapshotKeys, rounds } = options;
  const has = (name: SectionName): boolean => sections.includes(name);
  const isDefault = tableSections.every(has) && sections.length === tableSections.length;
  const isAll = sections.length === sectionNames.length;
  return [
    'npm run bench -- --against PATH_TO_ETCD',
    !isDefault && (isAll ? '--all' : `--only=${sections.join(',')}`),
    repetitions !== full.repetitions && `--repetitions=${repetitions}`,
    seconds !== full.seconds && `--seconds=${seconds}`,
    has('million') && keys !== full.keys && `--keys=${keys}`,
    has('catch-up') && entries !== full.entries && `--entries=${entries}`,
    has('snapshot') && snapshotKeys !== full.snapshotKeys && `--snapshot-keys=${snapshotKeys}`,
    has('failover') && rounds !== full.rounds && `--rounds=${rounds}`,
    '--write',
  ]
    .filter((word) => word !== false)
    .join(' ');
}
