import type { rpcpb } from '@quorate/wire';
import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import type { Flags } from '../cli/flags.ts';
import { ExitError } from '../exit.ts';
import { parseInt64 } from '../go/parse-int.ts';
import { putPrintout } from '../print/kv.ts';
import { errorText } from '../error-text.ts';
import { argumentBytes } from './key-range.ts';

/** Writes a key. */
export async function put(context: Context): Promise<void> {
  const request = await putRequest(context.flags, () => context.terminal.stdin.rest());
  const client = await context.client();
  const response = await client.kv.put(request, { timeoutMs: context.timeoutMs });
  context.print(putPrintout(response, { hex: context.hex }));
}

/** The request that the arguments and flags of a `put` mean. A value that is not among them comes from `input`. */
export async function putRequest(flags: Flags, input: () => Promise<ByteString>): Promise<rpcpb.PutRequest> {
  const [key, value] = flags.args;
  const ignoreValue = flags.bool('ignore-value');
  if (key === undefined) throw needsValue();
  if (ignoreValue && value !== undefined) {
    throw new ExitError('badArguments', "put command needs only 1 argument when 'ignore-value' is set");
  }
  return {
    key: argumentBytes(key),
    value: argumentBytes(ignoreValue ? '' : (value ?? (await valueFrom(input)))),
    lease: leaseOf(flags.string('lease')),
    prevKv: flags.bool('prev-kv'),
    ignoreValue,
    ignoreLease: flags.bool('ignore-lease'),
  };
}

async function valueFrom(input: () => Promise<ByteString>): Promise<ByteString> {
  const value = await input();
  if (value === '') throw needsValue();
  return value;
}

function needsValue(): ExitError {
  return new ExitError('badArguments', 'put command needs 1 argument and input from stdin or 2 arguments');
}

function leaseOf(text: ByteString): bigint {
  try {
    return parseInt64(text, 16);
  } catch (error) {
    const reason = `bad lease ID (${errorText(error)}), expecting ID in Hex`;
    throw new ExitError('badArguments', reason, { cause: error });
  }
}
