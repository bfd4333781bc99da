import { rpcpb } from '@quorate/wire';
import { textOf, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { downgradePrintout } from '../print/downgrade.ts';

const { VALIDATE, ENABLE, CANCEL } = rpcpb.DowngradeRequest_DowngradeAction;

/** Asks whether the cluster could go back to a version. */
export async function downgradeValidate(context: Context): Promise<void> {
  await downgrade(context, { action: VALIDATE, word: 'validate', version: targetOf(context) });
}

/** Lets the cluster go back to a version: from now on members of that version may join. */
export async function downgradeEnable(context: Context): Promise<void> {
  await downgrade(context, { action: ENABLE, word: 'enable', version: targetOf(context) });
}

/** Takes that back. */
export async function downgradeCancel(context: Context): Promise<void> {
  await downgrade(context, { action: CANCEL, word: 'cancel', version: '' });
}

async function downgrade(
  context: Context,
  {
    action,
    word,
    version,
  }: {
    readonly action: rpcpb.DowngradeRequest_DowngradeAction;
    readonly word: 'validate' | 'enable' | 'cancel';
    readonly version: ByteString;
  },
): Promise<void> {
  const client = await context.client();
  const request = { action, version: textOf(version) };
  const response = await client.maintenance.downgrade(request, { timeoutMs: context.timeoutMs });
  context.print(downgradePrintout(word, response));
}

function targetOf({ args }: Context): ByteString {
  const [version] = args;
  if (version === undefined) throw new ExitError('badArguments', 'TARGET_VERSION not provided');
  if (args.length > 1) throw new ExitError('badArguments', 'too many arguments');
  if (version === '') throw new ExitError('badArguments', 'target version not provided');
  return version;
}
