import { rpcpb } from '@quorate/wire';
import type { Client } from '@quorate/client';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import type { Flags } from '../cli/flags.ts';
import { ExitError } from '../exit.ts';
import { rangePrintout } from '../print/kv.ts';
import { keyRangeOf } from './key-range.ts';

/** Reads keys. */
export async function get(context: Context): Promise<void> {
  const { flags } = context;
  const request = rangeRequest(flags);
  await context.prepare();
  const countOnly = flags.bool('count-only');
  if (countOnly && context.format !== 'fields') {
    throw new ExitError('badArguments', '--count-only is only for `--write-out=fields`');
  }
  const valueOnly = flags.bool('print-value-only');
  if (valueOnly && context.format !== 'simple') {
    throw new ExitError('badArguments', 'print-value-only is only for `--write-out=simple`');
  }
  const client = await context.client();
  const response = flags.bool('stream')
    ? await collectStream(client, request)
    : await client.kv.range(request, { timeoutMs: context.timeoutMs });
  context.print(rangePrintout(response, { hex: context.hex, valueOnly }));
}

/** The request that the arguments and flags of a `get` mean. */
export function rangeRequest(flags: Flags): rpcpb.RangeRequest {
  if (flags.args.length === 0) {
    const text = 'get command needs one argument as key and an optional argument as range_end';
    throw new ExitError('badArguments', text);
  }
  const range = keyRangeOf(flags);
  return {
    ...range,
    limit: flags.int64('limit'),
    revision: flags.int64('rev'),
    sortTarget: sortTarget(flags.string('sort-by')),
    sortOrder: sortOrder(flags.string('order')),
    serializable: isSerializable(flags.string('consistency')),
    keysOnly: flags.bool('keys-only'),
    countOnly: flags.bool('count-only'),
    minCreateRevision: flags.int64('min-create-rev'),
    maxCreateRevision: flags.int64('max-create-rev'),
    minModRevision: flags.int64('min-mod-rev'),
    maxModRevision: flags.int64('max-mod-rev'),
  };
}

/** Whether `--consistency` allows a read that asks no other member. */
export function isSerializable(consistency: ByteString): boolean {
  if (consistency === 's') return true;
  if (consistency === 'l') return false;
  throw new ExitError('badFeature', `unknown consistency flag "${consistency}"`);
}

function sortOrder(order: ByteString): rpcpb.RangeRequest_SortOrder {
  const { NONE, ASCEND, DESCEND } = rpcpb.RangeRequest_SortOrder;
  switch (order.toUpperCase()) {
    case 'ASCEND':
      return ASCEND;
    case 'DESCEND':
      return DESCEND;
    case '':
      return NONE;
    default:
      throw new ExitError('badFeature', `bad sort order ${order}`);
  }
}

function sortTarget(target: ByteString): rpcpb.RangeRequest_SortTarget {
  const { CREATE, KEY, MOD, VALUE, VERSION } = rpcpb.RangeRequest_SortTarget;
  switch (target.toUpperCase()) {
    case 'CREATE':
      return CREATE;
    case 'KEY':
    case '':
      return KEY;
    case 'MODIFY':
      return MOD;
    case 'VALUE':
      return VALUE;
    case 'VERSION':
      return VERSION;
    default:
      throw new ExitError('badFeature', `bad sort target ${target}`);
  }
}

/** A range that comes in parts, put together: keys of all of them, the rest from the last. */
async function collectStream(client: Client, request: rpcpb.RangeRequest): Promise<rpcpb.RangeResponse> {
  const whole = rpcpb.RangeResponse.create();
  for await (const part of client.kv.rangeStream(request)) {
    for (const kv of part.kvs) whole.kvs.push(kv);
    whole.header = part.header ?? whole.header;
    whole.more = part.more;
    whole.count = part.count;
  }
  return whole;
}
