import { Command, CommanderError, Option } from 'commander';
import { ConfigError } from './load.ts';
import { configKeys, legacyFlags, metaOf, type ConfigKey } from './schema.ts';

/** What the command line asks for. */
export type CommandLine =
  | { readonly action: 'run'; readonly flags: ReadonlyMap<string, string> }
  | { readonly action: 'version' }
  | { readonly action: 'help'; readonly text: string };

/**
 * Reads flags as etcd does: `--flag value`, `--flag=value`, one dash or two, and `--flag` alone for a boolean.
 *
 * @throws ConfigError for a flag that does not exist, one without its value, and for arguments that are no flags
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const booleans = new Set(
    configKeys.filter((key) => metaOf(key).kind === 'boolean').map((key) => metaOf(key).flag),
  );
  const flags = new Map<string, string>();
  const command = newCommand((flag, value) => flags.set(flag, value));
  try {
    command.parse(
      args.map((argument) => normalized(argument, booleans)),
      { from: 'user' },
    );
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed' || error.code === 'commander.help') {
      return { action: 'help', text: command.helpInformation() };
    }
    throw new ConfigError(error.message.replace(/^error: /, ''));
  }
  if (flags.has('version')) return { action: 'version' };
  const [extra] = command.args;
  if (extra !== undefined)
    throw new ConfigError(`"${extra}" is not a flag: every setting is given as --name=value`);
  return { action: 'run', flags };
}

/** `-name` is `--name`, and a boolean without a value is true. */
function normalized(argument: string, booleans: ReadonlySet<string>): string {
  const match = /^--?([a-z][a-z0-9-]*)(=.*)?$/s.exec(argument);
  if (match === null || argument === '-h') return argument;
  const [, name = '', value] = match;
  return `--${name}${value ?? (booleans.has(name) ? '=true' : '')}`;
}

function newCommand(onFlag: (flag: string, value: string) => void): Command {
  const command = new Command('quorate')
    .description('One member of a Quorate cluster: the etcd API, log and formats.')
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
  command.addOption(new Option('--version', 'Print the version and exit.').argParser(() => {}));
  command.on('option:version', () => onFlag('version', 'true'));
  add(
    'config-file',
    ' <path>',
    'YAML or JSON file with these settings; it replaces all other flags and variables.',
  );
  for (const key of configKeys) {
    const { flag } = metaOf(key);
    add(flag, ' <value>', describe(key));
  }
  for (const flag of legacyFlags) add(flag, ' [value]', 'Accepted and ignored.').hideHelp();
  return command;
}

function describe(key: ConfigKey): string {
  const { description, notBuilt, ignored } = metaOf(key);
  if (notBuilt !== undefined) return `${description} (Not supported by this version.)`;
  return ignored === undefined ? description : `${description} (Accepted and ignored: ${ignored}.)`;
}
