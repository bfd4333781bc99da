import type { rpcpb } from '@quorate/wire';
import type { Context } from '../cli/context.ts';
import type { Flags } from '../cli/flags.ts';
import { ExitError } from '../exit.ts';
import { deletePrintout } from '../print/kv.ts';
import { keyRangeOf } from './key-range.ts';

/** Deletes keys. */
export async function del(context: Context): Promise<void> {
  const request = deleteRequest(context.flags);
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
