import { EtcdError, LeaseLostError, type Client } from '@quorate/client';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { anyAborted, listenForInterrupts } from '../interruption.ts';
import { rangePrintout } from '../print/kv.ts';
import { argumentBytes } from './key-range.ts';

/** Stands for election and leads until it is interrupted; or, with `--listen`, says who leads, and what leaders say. */
export async function elect(context: Context): Promise<void> {
  const [name, proposal, ...more] = context.args;
  if (name === undefined || more.length > 0) {
    const text = 'elect takes one election name argument and an optional proposal argument';
    throw new ExitError('badArguments', text);
  }
  const listens = context.flags.bool('listen');
  if (proposal === undefined) {
    if (!listens) throw new ExitError('badArguments', 'no proposal argument but -l not set');
    await observe(context, await context.client(), name);
    return;
  }
  if (listens) throw new ExitError('badArguments', 'proposal given but -l is set');
  await campaign(context, await context.client(), { name, proposal });
}

async function observe(context: Context, client: Client, name: ByteString): Promise<void> {
  using interruption = listenForInterrupts(context.terminal);
  const { signal } = interruption;
  const election = client.election(argumentBytes(name));
  try {
    // Once somebody has answered, members may fail for as long as they like; before, there may be nobody at all.
    await election.leader({ signal, timeoutMs: context.timeoutMs });
    for await (const response of election.observeResponses({ signal })) {
      context.print(rangePrintout(response, { hex: context.hex }));
    }
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof EtcdError) || error.code !== 'PERMISSION_DENIED') throw error;
    context.terminal.err(`${errorText(error)}\n`);
    throw new ExitError('error', 'elect: observer lost', { cause: error });
  }
}

async function campaign(
  context: Context,
  client: Client,
  { name, proposal }: { readonly name: ByteString; readonly proposal: ByteString },
): Promise<void> {
  using interruption = listenForInterrupts(context.terminal);
  const { signal } = interruption;
  await using session = await client.session({ timeoutMs: context.timeoutMs });
  const leadership = await session
    .campaign(argumentBytes(name), argumentBytes(proposal), { signal })
    .catch(explain);
  const response = await client.kv.range({ key: leadership.key }, { timeoutMs: context.timeoutMs });
  context.print(rangePrintout(response, { hex: context.hex }));
  await anyAborted(signal, session.signal);
  if (!signal.aborted) throw new ExitError('error', 'elect: session expired');
  await leadership.resign();
}

/** Why nobody was elected, in etcdctl's words. */
function explain(error: unknown): never {
  if (error instanceof LeaseLostError) {
    throw new ExitError('error', 'elect: session expired', { cause: error });
  }
  if (error instanceof Error && error.name === 'AbortError') {
    throw new ExitError('error', 'context canceled', { cause: error });
  }
  throw error;
}
