import { PassThrough } from 'node:stream';
import { allFlags, findCommand, type Action } from '../src/cli/command.ts';
import { Context } from '../src/cli/context.ts';
import { Flags } from '../src/cli/flags.ts';
import { rootCommand } from '../src/commands.ts';
import { LineReader, type Terminal } from '../src/terminal.ts';

/** What a test hears of an action, and can do to it. */
export interface ActionHooks {
  readonly onInterrupt?: Terminal['onInterrupt'];
  readonly onOutput?: (text: string) => void;
}

/** Runs an action in place of the one that a command line means, and says what came out. */
export async function runAction(
  action: Action,
  argv: readonly string[],
  { onInterrupt, onOutput }: ActionHooks = {},
): Promise<{ readonly stdout: string; readonly failure: unknown }> {
  const found = findCommand(rootCommand, argv);
  const flags = new Flags(allFlags(found.path));
  flags.parse(found.argv);
  let stdout = '';
  const refuse = () => Promise.reject(new Error('not here'));
  const terminal: Terminal = {
    argv,
    env: {},
    stdin: new LineReader(new PassThrough()),
    out: (text) => {
      stdout += text;
      onOutput?.(text);
    },
    err: () => {},
    askSecret: refuse,
    exec: refuse,
    ...(onInterrupt === undefined ? {} : { onInterrupt }),
  };
  await using context = new Context(terminal, flags, []);
  const failure = await action(context).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { stdout, failure };
}
