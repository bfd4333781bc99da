import { EtcdError, WatchCanceledError, type Client, type Watch, type WatchBatch } from '@quorate/client';
import { toLatin1 } from '@quorate/std';
import { bytesOfText, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { FlagError, Flags } from '../cli/flags.ts';
import { watchFlags } from '../commands.ts';
import { paintOf, paintOfShared } from '../colour.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { goQuote } from '../go/quote.ts';
import { eventType, watchCanceledPrintout, watchPrintout } from '../print/watch.ts';
import { failureToStart } from '../program.ts';
import { diffLine } from '../print/watch-diff.ts';
import { parseWatchArguments, type WatchArguments, type WatchEnvironment } from '../watch-arguments.ts';
import { words } from '../words.ts';

/** Watches keys until it is interrupted; with `-i` any number of watches, as lines of stdin ask for. */
export async function watch(context: Context): Promise<void> {
  const { env } = context.terminal;
  const environment = {
    key: bytesOfText(env['ETCDCTL_WATCH_KEY'] ?? ''),
    rangeEnd: bytesOfText(env['ETCDCTL_WATCH_RANGE_END'] ?? ''),
  };
  if (context.flags.bool('interactive')) {
    await watchInteractively(context, environment);
    return;
  }
  const parsed = parseWatchArguments(context.flags, environment);
  await context.prepare();
  if (parsed.diff) requireSimple(context);
  const client = await context.client();
  const cause = await printWatch(context, startWatch(client, parsed), parsed);
  throw new ExitError('interrupted', 'watch is canceled by the server', { cause });
}

async function watchInteractively(context: Context, environment: WatchEnvironment): Promise<never> {
  const client = await context.client();
  const state: InteractiveWatches = { context, client, environment, watches: [], failed: newFailure() };
  for (;;) {
    // A watch that fails in a way that ends the program does so while we wait for a line.
    const line = await Promise.race([context.terminal.stdin.line(), state.failed.promise]);
    if (line === undefined) throw new ExitError('invalidInput', 'error reading watch request line: EOF');
    obey(state, line);
  }
}

interface InteractiveWatches {
  readonly context: Context;
  readonly client: Client;
  readonly environment: WatchEnvironment;
  readonly watches: Watch[];
  readonly failed: PromiseWithResolvers<never>;
}

function newFailure(): PromiseWithResolvers<never> {
  const failure = Promise.withResolvers<never>();
  // Whoever reads lines hears of it; when nobody does any more, it is no news.
  failure.promise.catch(() => {});
  return failure;
}

/** Does what a line says: start a watch, or ask for progress. */
function obey(state: InteractiveWatches, line: ByteString): void {
  const { context, environment } = state;
  const complain = (text: ByteString) => context.terminal.err(`Invalid command${text}\n`);
  const [command, ...argv] = words(line);
  switch (command) {
    case undefined:
      complain(`: ${line} (watch and progress supported)`);
      return;
    case 'watch': {
      if (argv.length === 0 && environment.key === '') {
        complain(` ${line} (command type or key is not provided)`);
        return;
      }
      const parsed = parseWatchArguments(parseLineFlags(argv), environment);
      if (parsed.diff) requireSimple(context);
      const started = startWatch(state.client, parsed);
      state.watches.push(started);
      printWatch(context, started, parsed).catch((error: unknown) => state.failed.reject(error));
      return;
    }
    case 'progress':
      for (const started of state.watches) started.requestProgress();
      return;
    default:
      complain(` ${line} (only support watch)`);
  }
}

function parseLineFlags(argv: readonly ByteString[]): Flags {
  const flags = new Flags(watchFlags);
  try {
    flags.parse(argv);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw new ExitError('badArguments', error.message, { cause: error });
  }
  return flags;
}

function startWatch(
  client: Client,
  { selector, startRevision, prevKv, progressNotify }: WatchArguments,
): Watch {
  return client.watch({ ...selector, startRevision, prevKv, progressNotify });
}

/** Prints what is heard, until the server ends the watch; resolves to why it did. */
async function printWatch(
  context: Context,
  started: Watch,
  { diff, command }: WatchArguments,
): Promise<EtcdError | undefined> {
  const { terminal, hex } = context;
  try {
    for await (const batch of started.batches()) {
      if (batch.kind === 'created') continue;
      if (batch.kind === 'progress') context.printText(`progress notify: ${batch.header.revision}\n`);
      if (diff) printDiff(context, batch);
      else context.print(watchPrintout(batch, { hex, paint: paintOfShared(terminal, 'stdout') }));
      if (command.length > 0) await runForEach(context, batch, command);
    }
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    context.terminal.err(`watch was canceled (${errorText(error)})\n`);
    if (error instanceof WatchCanceledError) context.print(watchCanceledPrintout(error));
    return error;
  }
  return undefined;
}

function requireSimple({ format }: Context): void {
  if (format !== 'simple') throw new ExitError('badArguments', '--diff is only for `--write-out=simple`');
}

function printDiff({ terminal, hex }: Context, { events }: WatchBatch): void {
  const options = { paint: paintOf(terminal, 'stdout'), hex, heardAt: new Date() };
  for (const event of events) terminal.out(diffLine(event, options));
}

/** Runs the command once for each event, which it finds in its environment. */
async function runForEach(
  context: Context,
  batch: WatchBatch,
  command: readonly ByteString[],
): Promise<void> {
  for (const event of batch.events) {
    const failure = await context.terminal
      .exec(command, {
        ETCD_WATCH_REVISION: `${batch.header.revision}`,
        ETCD_WATCH_EVENT_TYPE: goQuote(eventType(event)),
        ETCD_WATCH_KEY: goQuote(toLatin1(event.kv.key)),
        ETCD_WATCH_VALUE: goQuote(toLatin1(event.kv.value)),
      })
      .then(
        ({ status, reason }) => (status === 0 ? undefined : reason),
        (error: unknown) => failureToStart(command, error),
      );
    if (failure === undefined) continue;
    context.terminal.err(`command [${command.map(goQuote).join(' ')}] error (${failure})\n`);
    throw new ExitError('error');
  }
}
