import type { ByteString } from '../byte-string.ts';
import type { Context } from './context.ts';
import type { FlagDefinition } from './flags.ts';

/** What a command does. */
export type Action = (context: Context) => Promise<void>;

/** A command, or a group of them. */
export interface Command {
  readonly name: string;
  /** The command's own part of the usage line, its name first. */
  readonly use: string;
  readonly short: string;
  readonly long?: string;
  readonly flags?: readonly FlagDefinition[];
  /** Flags that the commands of the group have, too. */
  readonly persistentFlags?: readonly FlagDefinition[];
  readonly children?: readonly Command[];
  /** etcdctl has no such command: what is short for one of its own stays so. */
  readonly isOwn?: boolean;
  /** Loads what the command does: only the one that runs is loaded. */
  readonly load?: () => Promise<Action>;
}

/** A command that was found, with its groups around it and the rest of the command line. */
export interface FoundCommand {
  /** From the program itself to the command. */
  readonly path: readonly Command[];
  /** The command line without the names of the commands. */
  readonly argv: readonly ByteString[];
  /** The first argument that is no command, where one was expected. */
  readonly unknown: ByteString | undefined;
}

/** Finds the command that a command line means. Names may be cut short as long as they are clear. */
export function findCommand(root: Command, argv: readonly ByteString[]): FoundCommand {
  const path = [root];
  let rest = [...argv];
  for (;;) {
    const group = path.at(-1) ?? root;
    if (group.children === undefined) return { path, argv: rest, unknown: undefined };
    const at = firstArgument(rest, allFlags(path));
    const name = at === undefined ? undefined : rest[at];
    const child = name === undefined ? undefined : childByName(group.children, name);
    if (child === undefined) return { path, argv: rest, unknown: name };
    path.push(child);
    rest = rest.filter((_, index) => index !== at);
  }
}

/** All flags that a command takes: its own and those its groups hand down. */
export function allFlags(path: readonly Command[]): FlagDefinition[] {
  const handedDown = path.flatMap((command) => command.persistentFlags ?? []);
  return [...(path.at(-1)?.flags ?? []), ...handedDown];
}

/** Names close to one that is unknown: those it begins, and those at most two edits away. */
export function similarNames(commands: readonly Command[], name: ByteString): string[] {
  const lower = name.toLowerCase();
  return commands
    .map((command) => command.name)
    .filter((other) => other.startsWith(lower) || editDistance(other, lower) <= 2);
}

function childByName(commands: readonly Command[], name: ByteString): Command | undefined {
  const exact = commands.find((command) => command.name === name);
  if (exact !== undefined) return exact;
  if (name === '') return undefined;
  const begun = commands.filter((command) => command.name.startsWith(name));
  const shared = begun.filter((command) => command.isOwn !== true);
  const meant = shared.length === 0 ? begun : shared;
  return meant.length === 1 ? meant[0] : undefined;
}

/** Where the first argument stands that is neither a flag nor the value of one. */
function firstArgument(argv: readonly ByteString[], flags: readonly FlagDefinition[]): number | undefined {
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? '';
    if (argument === '--') return undefined;
    if (!argument.startsWith('-') || argument === '-') return at;
    if (takesNext(argument, flags)) at++;
  }
  return undefined;
}

/** Whether the argument behind a flag is its value. Of a flag that is not known here, it is taken to be. */
function takesNext(argument: ByteString, flags: readonly FlagDefinition[]): boolean {
  if (argument.includes('=')) return false;
  if (argument.startsWith('--')) {
    return flags.find((flag) => flag.name === argument.slice(2))?.kind !== 'bool' && argument !== '--help';
  }
  if (argument.length > 2) return false;
  return flags.find((flag) => flag.shorthand === argument[1])?.kind !== 'bool' && argument !== '-h';
}

/** How many characters must be put in, taken out or replaced to make one text of the other. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
