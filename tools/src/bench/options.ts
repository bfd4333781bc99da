import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const sectionNames = [
  'grpc',
  'in-process',
  'restart',
  'cluster',
  'catch-up',
  'snapshot',
  'failover',
] as const;
export type SectionName = (typeof sectionNames)[number];

export const root = resolve(import.meta.dirname, '../../..');

export interface BenchOptions {
  readonly sections: readonly SectionName[];
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
  /** Where data directories are made. */
  readonly dir: string;
  /** File that takes the figures as JSON. */
  readonly json: string | undefined;
  /** Files with figures of earlier runs, to be shown again instead of measuring. */
  readonly from: readonly string[] | undefined;
  /** Whether to write docs/benchmarks.md. */
  readonly write: boolean;
}

/** What is measured when nothing else is asked for, and by `--quick`. */
const full = {
  repetitions: 5,
  seconds: 4,
  keys: 1_000_000,
  entries: 100_000,
  'snapshot-keys': 500_000,
  rounds: 50,
};
const brief = { repetitions: 1, seconds: 0.2, keys: 1000, entries: 300, 'snapshot-keys': 300, rounds: 1 };

/** @throws TypeError when an option is not known or not a number. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: sectionNames.join(',') },
      repetitions: { type: 'string' },
      seconds: { type: 'string' },
      keys: { type: 'string' },
      entries: { type: 'string' },
      'snapshot-keys': { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      dir: { type: 'string', default: resolve(root, 'node_modules/.cache') },
      json: { type: 'string' },
      from: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  const { quick } = values;
  const number = (name: keyof typeof full): number =>
    positive(name, values[name] ?? String((quick ? brief : full)[name]));
  return {
    sections: values.only.split(',').map(sectionOf),
    repetitions: number('repetitions'),
    seconds: number('seconds'),
    keys: number('keys'),
    entries: number('entries'),
    snapshotKeys: number('snapshot-keys'),
    rounds: number('rounds'),
    quick,
    dir: values.dir,
    json: values.json,
    from: values.from?.split(','),
    write: values.write,
  };
}

/** The command as others can repeat it: without the paths of this machine. */
export function commandOf(options: BenchOptions): string {
  const { sections, repetitions, seconds, keys, entries, snapshotKeys, rounds, write } = options;
  const has = (name: SectionName): boolean => sections.includes(name);
  return [
    'npm run bench --',
    sections.length < sectionNames.length && `--only=${sections.join(',')}`,
    `--repetitions=${repetitions}`,
    `--seconds=${seconds}`,
    has('restart') && `--keys=${keys}`,
    has('catch-up') && `--entries=${entries}`,
    has('snapshot') && `--snapshot-keys=${snapshotKeys}`,
    has('failover') && `--rounds=${rounds}`,
    write && '--write',
  ]
    .filter((word) => word !== false)
    .join(' ');
}

function sectionOf(text: string): SectionName {
  const name = sectionNames.find((candidate) => candidate === text);
  if (name === undefined) throw new TypeError(`no section "${text}"; there are ${sectionNames.join(', ')}`);
  return name;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new TypeError(`--${name} must be a number above 0`);
  return value;
}
