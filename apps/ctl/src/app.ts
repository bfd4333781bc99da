import { allFlags, findCommand, similarNames, type Command, type FoundCommand } from './cli/command.ts';
import { Context } from './cli/context.ts';
import { FlagError, Flags, type FlagDefinition } from './cli/flags.ts';
import { usageText } from './cli/usage.ts';
import { isSeen, paintOfShared } from './colour.ts';
import { rootCommand } from './commands.ts';
import { errorText, tlsTrouble } from './error-text.ts';
import { exitCodes, ExitError } from './exit.ts';
import type { Situation } from './hints.ts';
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
  const running: Running = { situation: undefined };
  try {
    await runCommand(terminal, running);
    return exitCodes.success;
  } catch (error) {
    const reason = tlsTrouble(error);
    if (reason !== undefined) terminal.err(`${reason}\n`);
    const text = error instanceof ExitError ? error.text : errorText(error);
    if (text !== undefined) terminal.err(`${paintOfShared(terminal, 'stderr')('red', 'Error:')} ${text}\n`);
    await giveHint(terminal, error, running);
    return error instanceof ExitError ? error.status : exitCodes.error;
  }
}

/** What is known of the command under way, for whoever has to explain its failure. */
interface Running {
  situation: (() => Situation) | undefined;
}

/** Advice is for people: programs get stderr as etcdctl writes it. */
async function giveHint(terminal: Terminal, error: unknown, { situation }: Running): Promise<void> {
  if (!isSeen(terminal, 'stderr') || situation === undefined) return;
  const { hintFor } = await import('./hints.ts');
  const { command } = situation();
  const isMisused = error instanceof ExitError && error.code === 'badArguments';
  const hint = hintFor(error, situation()) ?? (isMisused ? `see quoratectl ${command} --help` : undefined);
  if (hint !== undefined) terminal.err(`${paintOfShared(terminal, 'stderr')('cyan', 'Hint:')} ${hint}\n`);
}

async function runCommand(terminal: Terminal, running: Running): Promise<void> {
  if (terminal.argv[0] === '__complete' || terminal.argv[0] === '__completeNoDesc') {
    const { answerShell } = await import('./completion/answer-shell.ts');
    await answerShell(terminal);
    return;
  }
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
  running.situation = () => context.situation(commandName(found));
  const action = await command.load();
  await action(context);
}

function commandName({ path }: FoundCommand): string {
  const names = path.slice(1).map((command) => command.name);
  return names.join(' ');
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
