import type { rpcpb } from '@quorate/wire';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { hashKvPrintout, statusPrintout, type EndpointHash, type EndpointStatus } from '../print/endpoint.ts';
import { concernsAll, endpointsOf, endpointTrouble } from './endpoints.ts';

/** Prints how members are: those that answer on stdout, the others on stderr. */
export async function endpointStatus(context: Context): Promise<void> {
  const statuses: EndpointStatus[] = [];
  let lastError: unknown;
  for (const endpoint of await endpointsOf(context)) {
    try {
      statuses.push({ endpoint, status: await statusOf(context, endpoint) });
    } catch (error) {
      if (concernsAll(error)) throw error;
      lastError = error;
      context.terminal.err(`Failed to get the status of endpoint ${endpoint} (${endpointTrouble(error)})\n`);
    }
  }
  context.print(statusPrintout(statuses));
  if (lastError !== undefined) throw new ExitError('error', undefined, { cause: lastError });
}

/** Prints the hash of all keys and revisions of members: of those that answer on stdout, why not of the others on stderr. */
export async function endpointHashKv(context: Context): Promise<void> {
  const hashes: EndpointHash[] = [];
  const revision = context.flags.int64('rev');
  let lastError: unknown;
  for (const endpoint of await endpointsOf(context)) {
    try {
      const client = await context.client([endpoint]);
      const hash = await client.maintenance.hashKv({ revision }, { timeoutMs: context.timeoutMs });
      hashes.push({ endpoint, hash });
    } catch (error) {
      if (concernsAll(error)) throw error;
      lastError = error;
      context.terminal.err(`Failed to get the hash of endpoint ${endpoint} (${endpointTrouble(error)})\n`);
    }
  }
  context.print(hashKvPrintout(hashes));
  if (lastError !== undefined) throw new ExitError('error', endpointTrouble(lastError), { cause: lastError });
}

/** The status of one member. */
export async function statusOf(context: Context, endpoint: ByteString): Promise<rpcpb.StatusResponse> {
  const client = await context.client([endpoint]);
  return await client.maintenance.status({}, { timeoutMs: context.timeoutMs });
}
