import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const sectionNames = ['grpc', 'in-process', 'restart'] as const;
export type SectionName = (typeof sectionNames)[number];

export const root = resolve(import.meta.dirname, '../../..');

export interface BenchOptions {
  readonly sections: readonly SectionName[];
  readonly repetitions: number;
  readonly seconds: number;
  readonly keys: number;
  /** Where data directories are made. */
  readonly dir: string;
  /** File that takes the figures as JSON. */
  readonly json: string | undefined;
  /** File with figures of an earlier run, to be shown again instead of measuring. */
  readonly from: string | undefined;
  /** Whether to write docs/benchmarks.md. */
  readonly write: boolean;
}

/** @throws TypeError when an option is not known or not a number. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: sectionNames.join(',') },
      repetitions: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      keys: { type: 'string', default: '1000000' },
      dir: { type: 'string', default: resolve(root, 'node_modules/.cache') },
      json: { type: 'string' },
      from: { type: 'string' },
      write: { type: 'boolean', default: false },
    },
  });
  return {
    sections: values.only.split(',').map(sectionOf),
    repetitions: positive('repetitions', values.repetitions),
    seconds: positive('seconds', values.seconds),
    keys: positive('keys', values.keys),
    dir: values.dir,
    json: values.json,
    from: values.from,
    write: values.write,
  };
}

/** The command as others can repeat it: without the paths of this machine. */
export function commandOf(options: BenchOptions): string {
  const { sections, repetitions, seconds, keys, write } = options;
  const only = sections.length === sectionNames.length ? '' : ` --only=${sections.join(',')}`;
  const last = write ? ' --write' : '';
  return `npm run bench --${only} --repetitions=${repetitions} --seconds=${seconds} --keys=${keys}${last}`;
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
