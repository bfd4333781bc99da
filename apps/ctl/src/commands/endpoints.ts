import type { ByteString } from '../byte-string.ts';
import { bytesOfText } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';

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
