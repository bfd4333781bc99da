import type { ByteString } from '../byte-string.ts';
import { bytesOfText } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';

/**
 * Whether a command that asks one endpoint after the other has to end for an error: no client of any of them can be made,
 * as for a wrong password. What one of them alone has done is told of, and the others are asked.
 */
export function concernsAll(error: unknown): error is ExitError {
  return error instanceof ExitError && !ofOneEndpoint.has(codeOf(error.cause));
}

/** Codes of the client: it is written wrong, or nobody answers there. */
const ofOneEndpoint = new Set(['CLIENT_ENDPOINT', 'UNAVAILABLE', 'DEADLINE_EXCEEDED']);

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** What is wrong with an endpoint, in the words of its client. */
export function endpointTrouble(error: unknown): ByteString {
  return errorText(error instanceof ExitError ? (error.cause ?? error) : error);
}

/** The endpoints a command is about: those given, or with `--cluster` the client URLs of all members. */
export async function endpointsOf(context: Context): Promise<readonly ByteString[]> {
  await context.prepare();
  if (!context.flags.bool('cluster')) return await context.endpoints();
  const client = await context.client();
  try {
    const { members } = await client.cluster.memberList(
      { linearizable: true },
      { timeoutMs: context.timeoutMs },
    );
    return members.flatMap((member) => member.clientURLs.map(bytesOfText));
  } catch (error) {
    const reason = `failed to fetch endpoints from etcd cluster member list: ${errorText(error)}`;
    throw new ExitError('error', reason, { cause: error });
  }
}
