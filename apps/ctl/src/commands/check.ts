import { toKeyRange, type Client } from '@quorate/client';
import { concatBytes } from '@quorate/std';
import { randomFillSync } from 'node:crypto';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { goQuote } from '../go/quote.ts';
import type { LoadReport } from '../load.ts';
import { argumentBytes } from './key-range.ts';

/** The names of loads, as `--load` has them. */
export type LoadName = 's' | 'm' | 'l' | 'xl';

const longNames = new Map<ByteString, LoadName>([
  ['s', 's'],
  ['small', 's'],
  ['m', 'm'],
  ['medium', 'm'],
  ['l', 'l'],
  ['large', 'l'],
  ['xl', 'xl'],
  ['xLarge', 'xl'],
]);

/** Calls go over so many connections, however many write: more only cost this process time. */
const connectionsMax = 8;
/** Deleting all that was written, compacting and defragmenting may take longer than a command usually does. */
export const tidyingTimeoutMs = 300_000;
/** What differs between two keys that are written; the rest of them is zeros. */
const randomBytes = 8;

/** The load that `--load` asks for. */
export function loadOf<Load>(context: Context, loads: Readonly<Record<LoadName, Load>>): Load {
  const asked = context.flags.string('load');
  const name = longNames.get(asked);
  if (name === undefined) throw new ExitError('badFeature', `unknown load option ${asked}`);
  return loads[name];
}

/** Clients to write with. */
export async function openClients(
  context: Context,
  writers: number,
): Promise<readonly [Client, ...Client[]]> {
  const clients: [Client, ...Client[]] = [await context.client()];
  while (clients.length < Math.min(writers, connectionsMax)) clients.push(await context.client());
  return clients;
}

/** Refuses to write where somebody has keys, since all there is gets deleted in the end. */
export async function refuseKeys(
  context: Context,
  client: Client,
  remedy: (prefix: ByteString) => ByteString,
): Promise<void> {
  const prefix = context.flags.string('prefix');
  const selector = { prefix: argumentBytes(prefix) };
  const options = { limit: 1, keysOnly: true, timeoutMs: context.timeoutMs };
  const kvs = await client.getAll(selector, options);
  if (kvs.length === 0) return;
  const text = `prefix ${goQuote(prefix)} has keys. Delete with ${remedy(prefix)} first`;
  throw new ExitError('invalidInput', text);
}

/** Writes keys of a size, none of them twice. */
export function writerOf(
  context: Context,
  clients: readonly [Client, ...Client[]],
  { keySize, valueSize }: { readonly keySize: number; readonly valueSize: number },
): (writer: number) => Promise<unknown> {
  const prefix = argumentBytes(context.flags.string('prefix'));
  const value = new Uint8Array(valueSize);
  const { timeoutMs } = context;
  return (writer) => {
    const name = randomFillSync(new Uint8Array(keySize), 0, randomBytes);
    const client = clients[writer % clients.length] ?? clients[0];
    return client.put(concatBytes([prefix, name]), value, { timeoutMs });
  };
}

/** Deletes what was written, and returns the revision as of which it is gone. */
export async function deleteWritten(
  context: Context,
  client: Client,
  timeoutMs = tidyingTimeoutMs,
): Promise<bigint> {
  const range = toKeyRange({ prefix: argumentBytes(context.flags.string('prefix')) });
  const { header } = await client.kv.deleteRange(range, { timeoutMs });
  return header?.revision ?? 0n;
}

/** Does what `--auto-compact` asks for. */
export async function compactIfAsked(context: Context, client: Client, revision: bigint): Promise<void> {
  if (!context.flags.bool('auto-compact')) return;
  context.printText(`Compacting with revision ${revision}\n`);
  await client.kv.compact({ revision, physical: true }, { timeoutMs: tidyingTimeoutMs });
  context.printText(`Compacted with revision ${revision}\n`);
}

/** Does what `--auto-defrag` asks for. */
export async function defragIfAsked(context: Context, client: Client): Promise<void> {
  if (!context.flags.bool('auto-defrag')) return;
  const endpoints = await context.endpoints();
  for (const [i, endpoint] of client.endpoints.entries()) {
    const shown = goQuote(endpoints[i] ?? '');
    context.printText(`Defragmenting ${shown}\n`);
    await client.maintenance.defragment({}, { endpoint, timeoutMs: tidyingTimeoutMs });
    context.printText(`Defragmented ${shown}\n`);
  }
}

/** Says which writes failed, and whether there were any. */
export function tellErrors(context: Context, { errors }: LoadReport): boolean {
  if (errors.size === 0) return false;
  context.printText('FAIL: too many errors\n');
  for (const [text, count] of errors) context.printText(`FAIL: ERROR(${text}) -> ${count}\n`);
  return true;
}
