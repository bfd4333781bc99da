import { systemClock } from '@quorate/std';
import type { rpcpb } from '@quorate/wire';
import type { Context } from '../cli/context.ts';
import type { Flags } from '../cli/flags.ts';
import { ExitError } from '../exit.ts';
import { goQuote } from '../go/quote.ts';
import { deletePrintout } from '../print/kv.ts';
import { keyRangeOf } from './key-range.ts';

/** Time to think better of it. */
const secondThoughtMs = 2_000;

/** Deletes keys. */
export async function del(context: Context): Promise<void> {
  const request = deleteRequest(context.flags);
  if (isUnconfirmedRange(context.flags)) await warn(context);
  const client = await context.client();
  const response = await client.kv.deleteRange(request, { timeoutMs: context.timeoutMs });
  context.print(deletePrintout(response, { hex: context.hex }));
}

/** The request that the arguments and flags of a `del` mean. */
export function deleteRequest(flags: Flags): rpcpb.DeleteRangeRequest {
  if (flags.args.length === 0) {
    const text = 'del command needs one argument as key and an optional argument as range_end';
    throw new ExitError('badArguments', text);
  }
  return { ...keyRangeOf(flags), prevKv: flags.bool('prev-kv') };
}

/** A second key may be a mistake: somebody may have meant to delete two of them. */
function isUnconfirmedRange(flags: Flags): boolean {
  return flags.args.length > 1 && !flags.bool('range');
}

/** Says, as etcdctl 3.6 does, what is about to happen, and waits. */
async function warn({ flags, terminal }: Context): Promise<void> {
  const [from = '', to = ''] = flags.args;
  terminal.err(
    `Warning: Keys between ${goQuote(from)} and ${goQuote(to)} will be deleted. Please interrupt the command within next 2 seconds to cancel. ` +
      'You can provide `--range` flag to avoid the delay.\n',
  );
  await new Promise<void>((resolve) => void systemClock.after(secondThoughtMs, resolve));
}
