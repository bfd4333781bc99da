import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { parseInt64 } from '../go/parse-int.ts';

/** Removes history before a revision. */
export async function compaction(context: Context): Promise<void> {
  const [text] = context.args;
  if (text === undefined || context.args.length !== 1) {
    throw new ExitError('badArguments', 'compaction command needs 1 argument');
  }
  const revision = parseRevision(text);
  const client = await context.client();
  const physical = context.flags.bool('physical');
  await client.kv.compact({ revision, physical }, { timeoutMs: context.timeoutMs });
  context.printText(`compacted revision ${revision}\n`);
}

function parseRevision(text: string): bigint {
  try {
    return parseInt64(text, 10);
  } catch (error) {
    throw new ExitError('error', errorText(error), { cause: error });
  }
}
