import { allFlags, findCommand, similarNames, type Command, type FoundCommand } from './cli/command.ts';
import { Context } from './cli/context.ts';
import { FlagError, Flags, type FlagDefinition } from './cli/flags.ts';
import { usageText } from './cli/usage.ts';
import { rootCommand } from './commands.ts';
import { errorText, tlsTrouble } from './error-text.ts';
import { exitCodes, ExitError } from './exit.ts';
import type { Terminal } from './terminal.ts';
import { programVersion } from './version.ts';

const helpFlag: FlagDefinition = {
  name: 'help',
  shorthand: 'h',
  kind: 'bool',
  default: false,
  usage: 'help',
};

/** Runs one command line, and returns the exit code of the program. */
export async function run(terminal: Terminal): Promise<number> {
  try {
    await runCommand(terminal);
    return exitCodes.success;
  } catch (error) {
    const reason = tlsTrouble(error);
    if (reason !== undefined) terminal.err(`${reason}\n`);
    if (!(error instanceof ExitError)) {
      terminal.err(`Error: ${errorText(error)}\n`);
      return exitCodes.error;
    }
    if (error.text !== undefined) terminal.err(`Error: ${error.text}\n`);
    return error.status;
  }
}

async function runCommand(terminal: Terminal): Promise<void> {
  const found = findCommand(rootCommand, withoutHelpCommand(terminal.argv));
  if (found.unknown !== undefined && found.path.length === 1)
    throw unknownCommand(rootCommand, found.unknown);
  const flags = parseFlags(terminal, found);
  const command = found.path.at(-1);
  if (command?.load === undefined || flags.bool('help')) {
    terminal.out(usageText(found.path, programVersion));
    return;
  }
  const inherited = found.path.slice(0, -1).flatMap((group) => group.persistentFlags ?? []);
  await using context = new Context(terminal, flags, inherited);
  const action = await command.load();
  await action(context);
}

/** `help get` is `get --help`. */
function withoutHelpCommand(argv: readonly string[]): readonly string[] {
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
}

function parseFlags(terminal: Terminal, found: FoundCommand): Flags {
  const flags = new Flags([...allFlags(found.path), helpFlag]);
  try {
    flags.parse(found.argv);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    terminal.out(usageText(found.path, programVersion));
    throw new ExitError('error', error.message, { cause: error });
  }
  return flags;
}

function unknownCommand(root: Command, name: string): ExitError {
  const similar = similarNames(root.children ?? [], name);
  const hint = similar.length === 0 ? '' : `\n\nDid you mean this?\n\t${similar.join('\n\t')}\n`;
  const text = `unknown command "${name}" for "${root.name}"${hint}\nRun '${root.name} --help' for usage.`;
  return new ExitError('error', text);
}
