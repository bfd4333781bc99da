import { trimSpace, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { txnPrintout } from '../print/kv.ts';
import { parseCompare, parseOperation } from '../txn-language.ts';

/** Does a transaction that is read from stdin: comparisons, operations if they hold, operations if not. */
export async function txn(context: Context): Promise<void> {
  if (context.args.length > 0) throw new ExitError('badArguments', 'txn command does not accept argument');
  const client = await context.client();
  prompt(context, 'compares:');
  const compare = await readBlock(context, parseCompare);
  prompt(context, 'success requests (get, put, del):');
  const success = await readBlock(context, parseOperation);
  prompt(context, 'failure requests (get, put, del):');
  const failure = await readBlock(context, parseOperation);
  const response = await client.kv.txn({ compare, success, failure }, { timeoutMs: context.timeoutMs });
  context.print(txnPrintout(response, { hex: context.hex }));
}

function prompt(context: Context, text: ByteString): void {
  if (context.flags.bool('interactive')) context.printText(`${text}\n`);
}

/** Lines up to an empty one. Each is understood as it comes: somebody who types hears of a fault at once. */
async function readBlock<Part>(
  context: Context,
  parse: (line: ByteString) => Part | Promise<Part>,
): Promise<Part[]> {
  const parts: Part[] = [];
  for (;;) {
    const line = await context.terminal.stdin.line();
    if (line === undefined) throw new ExitError('invalidInput', 'EOF');
    const trimmed = trimSpace(line);
    if (trimmed === '') return parts;
    parts.push(await parse(trimmed));
  }
}
