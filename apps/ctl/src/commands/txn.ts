import type { rpcpb } from '@quorate/wire';
import { trimSpace, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { txnPrintout } from '../print/kv.ts';
import { parseCompare, parseOperation } from '../txn-language.ts';

/** Does a transaction that is read from stdin: comparisons, operations if they hold, operations if not. */
export async function txn(context: Context): Promise<void> {
  if (context.args.length > 0) throw new ExitError('badArguments', 'txn command does not accept argument');
  const client = await context.client();
  const compare: rpcpb.Compare[] = [];
  prompt(context, 'compares:');
  for (const line of await readBlock(context)) compare.push(parseCompare(line));
  const operations = async () => {
    const parsed: rpcpb.RequestOp[] = [];
    for (const line of await readBlock(context)) parsed.push(await parseOperation(line));
    return parsed;
  };
  prompt(context, 'success requests (get, put, del):');
  const success = await operations();
  prompt(context, 'failure requests (get, put, del):');
  const failure = await operations();
  const response = await client.kv.txn({ compare, success, failure }, { timeoutMs: context.timeoutMs });
  context.print(txnPrintout(response, { hex: context.hex }));
}

function prompt(context: Context, text: ByteString): void {
  if (context.flags.bool('interactive')) context.printText(`${text}\n`);
}

/** Lines up to an empty one. */
async function readBlock(context: Context): Promise<ByteString[]> {
  const lines: ByteString[] = [];
  for (;;) {
    const line = await context.terminal.stdin.line();
    if (line === undefined) throw new ExitError('invalidInput', 'EOF');
    const trimmed = trimSpace(line);
    if (trimmed === '') return lines;
    lines.push(trimmed);
  }
}
