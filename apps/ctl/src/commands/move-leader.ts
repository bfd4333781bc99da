import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { parseUint64 } from '../go/parse-int.ts';
import { statusOf } from './endpoint.ts';

/** Makes another member the leader. The present one must be among the endpoints, since only it can. */
export async function moveLeader(context: Context): Promise<void> {
  const [text] = context.args;
  if (text === undefined || context.args.length !== 1) {
    throw new ExitError('badArguments', 'move-leader command needs 1 argument');
  }
  const targetID = parseTarget(text);
  const endpoints = await context.endpoints();
  const leader = await findLeader(context, endpoints);
  if (leader === undefined) {
    const given = `[${endpoints.join(' ')}]`;
    throw new ExitError('badArguments', `no leader endpoint given at ${given}`);
  }
  const client = await context.client([leader.endpoint]);
  await client.maintenance.moveLeader({ targetID }, { timeoutMs: context.timeoutMs });
  const [from, to] = [leader.memberId.toString(16), targetID.toString(16)];
  context.printText(`Leadership transferred from ${from} to ${to}\n`);
}

async function findLeader(
  context: Context,
  endpoints: readonly ByteString[],
): Promise<{ readonly endpoint: ByteString; readonly memberId: bigint } | undefined> {
  for (const endpoint of endpoints) {
    const { leader, header } = await statusOf(context, endpoint);
    if (header?.memberId === leader) return { endpoint, memberId: leader };
  }
  return undefined;
}

function parseTarget(text: ByteString): bigint {
  try {
    return parseUint64(text, 16);
  } catch (error) {
    throw new ExitError('badArguments', errorText(error), { cause: error });
  }
}
