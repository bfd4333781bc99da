import type { ByteString } from '../byte-string.ts';
import { bytesOfText } from '../byte-string.ts';
import { allFlags, findCommand, type Command } from '../cli/command.ts';
import { FlagError, Flags, type FlagDefinition } from '../cli/flags.ts';
import { argumentSources, flagSources, runsProgram, type Source } from './rules.ts';

/** Something that fits where the cursor is. */
export interface Candidate {
  readonly value: ByteString;
  readonly description: string;
}

/** What fits at the end of a command line, and what the shell is to do beside proposing it. */
export interface Completions {
  readonly candidates: readonly Candidate[];
  /** What the shell proposes by itself when there are no candidates. */
  readonly fallback: 'nothing' | 'files' | 'folders';
}

/** What of a command line matters to whoever looks candidates up in the cluster. */
export interface LookUp {
  readonly source: Exclude<Source, readonly unknown[] | 'files' | 'folders' | 'program' | 'nothing'>;
  /** What is there of the word. */
  readonly typed: ByteString;
  readonly flags: Flags;
  readonly inherited: readonly FlagDefinition[];
}

const nothing: Completions = { candidates: [], fallback: 'nothing' };

/**
 * What fits where a command line ends. The last of `words` is the word to complete, which may be empty.
 *
 * @param lookUp finds candidates in the cluster; none when it cannot
 */
export async function completionsOf(
  root: Command,
  words: readonly ByteString[],
  lookUp: (asked: LookUp) => Promise<readonly Candidate[]>,
): Promise<Completions> {
  const [typed = ''] = words.slice(-1);
  const line = words.slice(0, -1);
  const isHelp = line[0] === 'help';
  const { path, argv } = findCommand(root, isHelp ? line.slice(1) : line);
  const command = path.at(-1) ?? root;
  const definitions = [...allFlags(path), helpFlag];
  const scanned = scan(argv, definitions);
  const fill = async (source: Source, before: ByteString, part: ByteString): Promise<Completions> => {
    const found = await candidatesOf(source, (live) => {
      const inherited = path.slice(0, -1).flatMap((group) => group.persistentFlags ?? []);
      return lookUp({ source: live, typed: part, flags: scanned.flags, inherited });
    });
    const fitting = found.candidates.filter(({ value }) => value.startsWith(part));
    const candidates = fitting.map(({ value, description }) => ({ value: before + value, description }));
    return { ...found, candidates };
  };
  if (scanned.open !== undefined) return await fillFlag(scanned.open, '', typed, fill);
  if (!scanned.isAfterDash && typed.startsWith('-') && typed !== '-') {
    const [, name = '', value] = /^--([^=]+)=(.*)$/s.exec(typed) ?? [];
    if (value === undefined) return flagNames(definitions, scanned.flags, typed);
    const flag = definitions.find((definition) => definition.name === name);
    return flag === undefined ? nothing : await fillFlag(flag, `--${name}=`, value, fill);
  }
  if (command.children !== undefined) {
    return scanned.flags.args.length > 0
      ? nothing
      : subcommands(command, typed, path.length === 1 && !isHelp);
  }
  if (isHelp) return nothing;
  const name = path
    .slice(1)
    .map((part) => part.name)
    .join(' ');
  if (scanned.isAfterDash && runsProgram.has(name)) return await fill('program', '', typed);
  const source = argumentSources[name]?.[scanned.flags.args.length] ?? 'nothing';
  const completions = await fill(source, '', typed);
  return scanned.isAfterDash ? completions : withoutDashes(completions);
}

const helpFlag: FlagDefinition = {
  name: 'help',
  shorthand: 'h',
  kind: 'bool',
  default: false,
  usage: 'help',
};

type Fill = (source: Source, before: ByteString, part: ByteString) => Promise<Completions>;

/** The value of a flag. Of a list it is the last part that is completed. */
async function fillFlag(
  flag: FlagDefinition,
  before: ByteString,
  value: ByteString,
  fill: Fill,
): Promise<Completions> {
  if (flag.kind === 'bool')
    return await fill(
      [
        { value: 'true', description: '' },
        { value: 'false', description: '' },
      ],
      before,
      value,
    );
  const listEnd = flag.kind === 'list' ? value.lastIndexOf(',') + 1 : 0;
  const source = flagSources[flag.name] ?? 'nothing';
  return await fill(source, before + value.slice(0, listEnd), value.slice(listEnd));
}

/** The part of a command line in front of the word to complete, as far as it can be understood. */
interface Scanned {
  readonly flags: Flags;
  /** A flag whose value is what is to be completed. */
  readonly open: FlagDefinition | undefined;
  readonly isAfterDash: boolean;
}

/** Reads flags and arguments word by word; what makes no sense is passed over. */
function scan(argv: readonly ByteString[], definitions: readonly FlagDefinition[]): Scanned {
  const flags = new Flags(definitions);
  let open: FlagDefinition | undefined;
  let isAfterDash = false;
  for (const word of argv) {
    if (open !== undefined) {
      attempt(flags, [`--${open.name}=${word}`]);
      open = undefined;
    } else if (isAfterDash || word === '-' || !word.startsWith('-')) {
      flags.args.push(word);
    } else if (word === '--') {
      isAfterDash = true;
    } else {
      open = flagOf(word, definitions);
      if (open === undefined) attempt(flags, [word]);
    }
  }
  return { flags, open, isAfterDash };
}

/** The flag that a word is when its value comes next. */
function flagOf(word: ByteString, definitions: readonly FlagDefinition[]): FlagDefinition | undefined {
  const flag = definitions.find(
    ({ name, shorthand }) => word === `--${name}` || word === `-${shorthand ?? ''}`,
  );
  return flag?.kind === 'bool' ? undefined : flag;
}

function attempt(flags: Flags, argv: readonly ByteString[]): void {
  try {
    flags.parse(argv);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
  }
}

function subcommands(group: Command, typed: ByteString, withHelp: boolean): Completions {
  const children = withHelp
    ? [...(group.children ?? []), { name: 'help', short: 'Help about any command' }]
    : group.children;
  const candidates = (children ?? [])
    .filter(({ name }) => name.startsWith(typed))
    .map(({ name, short }) => ({ value: name, description: short }));
  return { candidates: sorted(candidates), fallback: 'nothing' };
}

/** Names of flags that may still be given. */
function flagNames(definitions: readonly FlagDefinition[], flags: Flags, typed: ByteString): Completions {
  const candidates = definitions
    .filter(({ name, kind }) => `--${name}`.startsWith(typed) && (kind === 'list' || !flags.isSet(name)))
    .map(({ name, usage }) => ({ value: `--${name}`, description: usage }));
  return { candidates: sorted(candidates), fallback: 'nothing' };
}

async function candidatesOf(
  source: Source,
  lookUp: (live: LookUp['source']) => Promise<readonly Candidate[]>,
): Promise<Completions> {
  if (typeof source !== 'string')
    return {
      candidates: source.map((word) => ({ ...word, value: bytesOfText(word.value) })),
      fallback: 'nothing',
    };
  switch (source) {
    case 'nothing':
      return nothing;
    case 'files':
    case 'program':
      return { candidates: [], fallback: 'files' };
    case 'folders':
      return { candidates: [], fallback: 'folders' };
    default:
      return { candidates: await lookUp(source), fallback: 'nothing' };
  }
}

/** What begins with a dash would be taken for a flag. */
function withoutDashes({ candidates, fallback }: Completions): Completions {
  return { candidates: candidates.filter(({ value }) => !value.startsWith('-')), fallback };
}

function sorted(candidates: readonly Candidate[]): Candidate[] {
  return candidates.toSorted((a, b) => (a.value < b.value ? -1 : 1));
}
