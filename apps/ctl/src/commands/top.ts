import { setTimeout as sleep } from 'node:timers/promises';
import { textOf } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { tlsFlags, withFiles } from '../cli/tls-files.ts';
import { paintOf } from '../colour.ts';
import { ExitError } from '../exit.ts';
import type { LiveScreen } from '../live-screen.ts';
import { table } from '../print/table.ts';
import { Sampler, type ClusterSample } from '../top/sampler.ts';
import { summaryLine, tableCells, tableLines, viewJson, viewOf, type ClusterView } from '../top/view.ts';
import { argumentsOf } from './arguments.ts';

/** More often nothing could be seen, and the members would be kept busy with being looked at. */
const intervalMinMs = 100;
/** Who does not answer within this time is down, for now. */
const answerMaxMs = 2_000;

/**
 * Shows how the members of the cluster are and what they do, drawn anew until somebody has seen enough. Where nobody
 * looks, or with `--once` or another format than the simple one, it is one table.
 */
export async function top(context: Context): Promise<void> {
  argumentsOf(context, 0, 'top command accepts no arguments');
  const intervalMs = context.flags.durationMs('interval');
  const isOnce = context.flags.bool('once');
  await context.prepare();
  const { outputTerminal } = context.terminal;
  const isLive = !isOnce && outputTerminal !== undefined && context.format === 'simple';
  if (intervalMs < 0 || (intervalMs < intervalMinMs && isLive))
    throw new ExitError('badArguments', `--interval must be at least ${intervalMinMs}ms`);
  const client = await context.client();
  const { options: tls } = tlsFlags(context.flags);
  const sampler = new Sampler({
    client,
    endpoints: (await context.endpoints()).map((endpoint) => textOf(endpoint.trim())),
    tls: tls && withFiles(tls, context.flags),
    timeoutMs: Math.min(answerMaxMs, context.timeoutMs),
  });
  if (!isLive) {
    await printOnce(context, sampler, intervalMs);
    return;
  }
  using screen = await outputTerminal.openScreen();
  await showUntilLeft(context, sampler, screen, intervalMs);
}

/** Rates need two looks, an interval apart; without an interval there is one look, and no rates. */
async function printOnce(context: Context, sampler: Sampler, intervalMs: number): Promise<void> {
  const never = new AbortController().signal;
  let before: ClusterSample | undefined;
  if (intervalMs > 0) {
    before = await sampler.sample(never);
    await sleep(intervalMs);
  }
  const view = viewOf(await sampler.sample(never), before);
  const { header, rows } = tableCells(view);
  context.print({
    simple: () =>
      tableLines(view, paintOf(context.terminal, 'stdout'))
        .map((line) => `${line}\n`)
        .join(''),
    json: () => viewJson(view),
    table: () => table(header, rows),
  });
  if (view.rows.every(({ role }) => role === 'down'))
    throw new ExitError('badConnection', 'no member answers');
}

async function showUntilLeft(
  context: Context,
  sampler: Sampler,
  screen: LiveScreen,
  intervalMs: number,
): Promise<void> {
  const { left } = screen;
  let before: ClusterSample | undefined;
  try {
    for (;;) {
      const sample = await sampler.sample(left);
      screen.show(picture(context, viewOf(sample, before), screen.columns));
      before = sample;
      await sleep(intervalMs, undefined, { signal: left });
    }
  } catch (error) {
    // Leaving is the way to end it.
    if (!left.aborted) throw error;
  }
}

function picture(context: Context, view: ClusterView, width: number): string {
  const paint = paintOf(context.terminal, 'stdout');
  const summary = summaryLine(view).slice(0, width);
  const help = paint('dim', 'q or Ctrl-C ends'.slice(0, width));
  return [paint('bold', summary), '', ...tableLines(view, paint, width), '', help].join('\n');
}
