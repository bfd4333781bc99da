import { EtcdError, LeaseLostError, type Client, type Lock } from '@quorate/client';
import { toLatin1 } from '@quorate/std';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { anyAborted, listenForInterrupts, type Interruption } from '../interruption.ts';
import { rangePrintout } from '../print/kv.ts';
import { failureToStart } from '../program.ts';
import { argumentBytes } from './key-range.ts';

/** What a `--ttl` of zero or less means, as for etcdctl. */
const ttlSecondsDefault = 60;

/**
 * Takes a lock, and holds it until it is interrupted; or for as long as a command runs, whose exit code becomes ours.
 * The lock is given back, and its lease with it, however this ends.
 */
export async function lock(context: Context): Promise<void> {
  const [name, ...command] = context.args;
  if (name === undefined) {
    const text = 'lock takes a lock name argument and an optional command to execute';
    throw new ExitError('badArguments', text);
  }
  const client = await context.client();
  using interruption = listenForInterrupts(context.terminal);
  const ttlSeconds = ttlOf(context.flags.int64('ttl'));
  await using session = await client.session({ ttlSeconds, timeoutMs: context.timeoutMs });
  const held = await session.lock(argumentBytes(name), { signal: interruption.signal }).catch(explain);
  if (command.length > 0) await runUnderLock(context, held, { client, command, interruption });
  else await holdUntilInterrupted(context, held, { client, interruption });
}

/** A time to live that no server takes says so however large it is. */
function ttlOf(ttl: bigint): number {
  if (ttl <= 0n) return ttlSecondsDefault;
  return Math.min(Number(ttl), Number.MAX_SAFE_INTEGER);
}

/** Why a lock was not got, in etcdctl's words. */
function explain(error: unknown): never {
  if (error instanceof LeaseLostError || (error instanceof EtcdError && error.code === 'ABORTED')) {
    throw new ExitError('error', 'mutex: session is expired', { cause: error });
  }
  if (error instanceof Error && error.name === 'AbortError') {
    throw new ExitError('error', 'context canceled', { cause: error });
  }
  throw error;
}

async function holdUntilInterrupted(
  context: Context,
  held: Lock,
  { client, interruption }: { readonly client: Client; readonly interruption: Interruption },
): Promise<void> {
  const response = await client.kv.range({ key: held.key }, { timeoutMs: context.timeoutMs });
  if (response.kvs.length === 0) throw new ExitError('error', 'lock lost on init');
  context.print(rangePrintout(response, { hex: context.hex }));
  await anyAborted(interruption.signal, held.signal);
  if (!interruption.signal.aborted) throw new ExitError('error', 'session expired');
  await held.unlock();
}

async function runUnderLock(
  context: Context,
  held: Lock,
  { client, command, interruption }: UnderLock,
): Promise<void> {
  const env = { ETCD_LOCK_KEY: toLatin1(held.key), ETCD_LOCK_REV: `${held.heldSinceRevision}` };
  const { terminal } = context;
  const end = await terminal
    .exec(command, env, { signal: interruption.terminated })
    .catch((error: unknown) => {
      throw new ExitError('error', failureToStart(command, error), { cause: error });
    });
  if (await wasLost(context, client, held)) {
    const name = command[0] ?? '';
    terminal.err(`the lock was lost while ${name} ran: somebody else may have held it at the same time\n`);
  }
  if (end.status !== 0) throw new ExitError('error', end.reason, { status: end.status });
  await held.unlock();
}

/** A command, and what it runs under. */
interface UnderLock {
  readonly client: Client;
  readonly command: readonly ByteString[];
  readonly interruption: Interruption;
}

/** Whether the lock is not ours any more. The session may not have heard of it yet, and the cluster not answer. */
async function wasLost({ timeoutMs }: Context, client: Client, held: Lock): Promise<boolean> {
  if (held.signal.aborted) return true;
  try {
    const kv = await client.get(held.key, { timeoutMs });
    return kv?.createRevision !== held.fencingToken;
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    return false;
  }
}
