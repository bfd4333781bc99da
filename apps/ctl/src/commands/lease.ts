import { LeaseLostError } from '@quorate/client';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { parseInt64 } from '../go/parse-int.ts';
import {
  grantPrintout,
  keepAlivePrintout,
  leasesPrintout,
  revokePrintout,
  timeToLivePrintout,
} from '../print/lease.ts';
import { leaseHex, parseLeaseId } from './ids.ts';

/** Grants a lease. */
export async function leaseGrant(context: Context): Promise<void> {
  const ttlSeconds = parseTtl(onlyArgument(context, 'lease grant command needs TTL argument'));
  const client = await context.client();
  const response = await client.lease
    .grant({ ttlSeconds }, { timeoutMs: context.timeoutMs })
    .catch(failWith('error', (text) => `failed to grant lease (${text})`));
  context.print(grantPrintout(response));
}

/** Revokes a lease. */
export async function leaseRevoke(context: Context): Promise<void> {
  const id = parseLeaseId(onlyArgument(context, 'lease revoke command needs 1 argument'));
  const client = await context.client();
  const response = await client.lease
    .revoke(id, { timeoutMs: context.timeoutMs })
    .catch(failWith('error', (text) => `failed to revoke lease (${text})`));
  context.print(revokePrintout(id, response));
}

/** Says how long a lease has left. */
export async function leaseTimeToLive(context: Context): Promise<void> {
  const id = parseLeaseId(onlyArgument(context, 'lease timetolive command needs lease ID as argument'));
  const withKeys = context.flags.bool('keys');
  const client = await context.client();
  const response = await client.lease
    .timeToLive(id, { keys: withKeys, timeoutMs: context.timeoutMs })
    .catch(failWith('badConnection', (text) => text));
  context.print(timeToLivePrintout(response, { withKeys }));
}

/** Lists the leases there are. */
export async function leaseList(context: Context): Promise<void> {
  const client = await context.client();
  const response = await client.lease
    .leases({ timeoutMs: context.timeoutMs })
    .catch(failWith('badConnection', (text) => text));
  context.print(leasesPrintout(response));
}

/** Renews a lease, once or until it is gone. */
export async function leaseKeepAlive(context: Context): Promise<void> {
  const id = parseLeaseId(onlyArgument(context, 'lease keep-alive command needs lease ID as argument'));
  const client = await context.client();
  if (context.flags.bool('once')) {
    const response = await client.lease.keepAliveOnce(id, { timeoutMs: context.timeoutMs }).catch(failOnce);
    context.print(keepAlivePrintout(response));
    return;
  }
  try {
    for await (const response of client.lease.keepAlive(id)) context.print(keepAlivePrintout(response));
  } catch (error) {
    if (!(error instanceof LeaseLostError)) throw error;
  }
  if (context.format === 'simple') context.printText(`lease ${leaseHex(id)} expired or revoked.\n`);
}

function onlyArgument(context: Context, complaint: string): ByteString {
  const [argument] = context.args;
  if (argument === undefined || context.args.length !== 1) throw new ExitError('badArguments', complaint);
  return argument;
}

function parseTtl(text: ByteString): bigint {
  try {
    return parseInt64(text, 10);
  } catch (error) {
    throw new ExitError('badArguments', `bad TTL (${errorText(error)})`, { cause: error });
  }
}

/** A handler that ends the program with a code and the error's text, put into words. */
function failWith(code: 'error' | 'badConnection', words: (text: ByteString) => ByteString) {
  return (error: unknown): never => {
    throw new ExitError(code, words(errorText(error)), { cause: error });
  };
}

function failOnce(error: unknown): never {
  const text = error instanceof LeaseLostError ? 'etcdserver: requested lease not found' : errorText(error);
  throw new ExitError('badConnection', text, { cause: error });
}
