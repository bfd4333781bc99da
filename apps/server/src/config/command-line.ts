import { Command, CommanderError, Option } from 'commander';
import type { FieldMeta } from './field.ts';
import { ConfigError } from './load.ts';
import { configKeys, goneFlags, legacyFlags, metaOf, namesOf, type ConfigKey } from './schema.ts';

/** What the command line asks for. */
export type CommandLine =
  | { readonly action: 'run'; readonly flags: ReadonlyMap<string, string> }
  | { readonly action: 'version' }
  | { readonly action: 'help'; readonly text: string };

/** Flags that need no value: alone they mean true, and the next argument is not theirs. */
const valueless = new Set([
  ...configKeys.filter((key) => metaOf(key).kind === 'boolean').flatMap(namesOf),
  ...legacyFlags,
]);

const known = new Set(['config-file', ...configKeys.flatMap(namesOf), ...legacyFlags]);

/**
 * Reads flags as etcd does: `--flag value`, `--flag=value`, one dash or two, and `--flag` alone for a boolean.
 *
 * @throws ConfigError for a flag that does not exist, one without its value, and for arguments that are no flags
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const flags = new Map<string, string>();
  const command = newCommand((flag, value) => flags.set(flag, value));
  const normal = normalized(args);
  if (normal.includes('--help'))
    return { action: 'help', text: `${command.helpInformation()}\n${commandsHelp}` };
  if (normal.includes('--version')) return { action: 'version' };
  try {
    command.parse(normal, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw new ConfigError(sentenceOf(error, goneFlags), { exitCode: 2 });
  }
  const [extra] = command.args;
  if (extra === undefined) return { action: 'run', flags };
  if (isCommand(extra)) throw new ConfigError(`"${extra}" has to come first, as in "quorate ${extra} start"`);
  throw new ConfigError(`"${extra}" is not a flag: every setting is given as --name=value`);
}

/** Whether `quorate` with this as its first argument is something else than a member. */
export function isCommand(word: string | undefined): word is CommandName {
  return word === 'gateway' || word === 'grpc-proxy';
}

/** What `quorate` can be beside a member. */
export type CommandName = 'gateway' | 'grpc-proxy';

const commandsHelp = `Commands, each with flags of its own:
  quorate gateway start      Pass TCP connections on to members, in turn.
  quorate grpc-proxy start   Serve the gRPC API in front of a cluster, which has fewer watches, leases and reads to bear.
`;

/**
 * Every flag with two dashes and, where it has one, its value behind `=`: whatever follows a flag that needs a
 * value is that value, even when it looks like a flag. Flags end at the first argument that is none.
 */
function normalized(args: readonly string[]): string[] {
  const normal: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const argument = args[i] ?? '';
    const [, name, value] = /^--?([a-z0-9][a-z0-9-]*)(=.*)?$/is.exec(argument) ?? [];
    if (name === undefined) return [...normal, '--', ...args.slice(i)];
    if (name === 'h' || name === 'help') normal.push('--help');
    else if (name === 'version') normal.push('--version');
    else if (!known.has(name)) normal.push(`--${name}`);
    else if (value !== undefined) normal.push(`--${name}${value}`);
    else if (valueless.has(name)) normal.push(`--${name}=true`);
    else if (i + 1 < args.length) normal.push(`--${name}=${args[++i]}`);
    else normal.push(`--${name}`);
  }
  return normal;
}

/** One sentence that names the flag; `gone` says of flags that there were once what they were for. */
export function sentenceOf(error: CommanderError, gone: Readonly<Record<string, string>> = {}): string {
  const flag = /'(--[^\s'=]+)/.exec(error.message)?.[1] ?? '';
  if (error.code === 'commander.optionMissingArgument') return `${flag} needs a value`;
  if (error.code !== 'commander.unknownOption') return error.message.replace(/^error: /, '');
  const purpose = gone[flag.slice(2)];
  if (purpose !== undefined) return `${flag} is gone since etcd 3.6, with ${purpose}`;
  const [, meant] = /\(Did you mean (?:one of )?(.*?)\?\)/.exec(error.message) ?? [];
  return `unknown flag ${flag}${meant === undefined ? ': --help lists all flags' : `: did you mean ${meant}?`}`;
}

const headings = {
  member: 'Member:',
  clustering: 'Clustering:',
  security: 'Security:',
  logging: 'Logging and metrics:',
  behaviour: 'Behaviour:',
  experimental: 'Experimental:',
} as const;

function newCommand(onFlag: (flag: string, value: string) => void): Command {
  const command = new Command('quorate')
    .usage('[flags]')
    .description("One member of a Quorate cluster: etcd's API, log and formats. Flags are etcd's.")
    .helpOption('-h, --help', 'Show this help and exit.')
    .exitOverride()
    .configureOutput({ writeOut: () => {}, writeErr: () => {} })
    .allowExcessArguments();
  const add = (flag: string, argument: string, description: string): Option => {
    const option = new Option(`--${flag}${argument}`, description).argParser((value: string) => {
      onFlag(flag, value);
      return value;
    });
    command.addOption(option);
    return option;
  };
  command.addOption(new Option('--version', 'Print the version and exit.'));
  add(
    'config-file',
    ' <path>',
    'YAML or JSON file with these settings; it replaces all other flags and variables.',
  );
  for (const key of configKeys) {
    for (const name of namesOf(key)) {
      const { flag, section, kind } = metaOf(key);
      const option = add(name, ` <${kind}>`, describe(key)).helpGroup(headings[section]);
      if (name !== flag) option.hideHelp();
    }
  }
  for (const flag of legacyFlags) add(flag, ' [value]', 'Accepted and ignored.').hideHelp();
  return command;
}

function describe(key: ConfigKey): string {
  return describeFlag(metaOf(key));
}

/** What the help says of a flag. */
export function describeFlag(meta: FieldMeta): string {
  const { description, notBuilt, refused, ignored, defaultText, choices } = meta;
  const words = choices === undefined ? '' : ` One of ${choices.join(', ')}.`;
  const preset = defaultText === '' ? '' : ` [${defaultText}]`;
  if (refused !== undefined) return `${description} (Refused: ${refused}.)${preset}`;
  if (notBuilt !== undefined) return `${description} (Not supported by this version.)${preset}`;
  const note = ignored === undefined ? '' : ` (Accepted and ignored: ${ignored}.)`;
  return `${description}${words}${note}${preset}`;
}
