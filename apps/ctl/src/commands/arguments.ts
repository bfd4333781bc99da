import type { ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';

/** The arguments of a command that takes so many and no other number. */
export function argumentsOf(context: Context, count: 0, complaint: string): readonly [];
export function argumentsOf(context: Context, count: 1, complaint: string): readonly [ByteString];
export function argumentsOf(context: Context, count: 2, complaint: string): readonly [ByteString, ByteString];
export function argumentsOf(context: Context, count: number, complaint: string): readonly ByteString[] {
  if (context.args.length !== count) throw new ExitError('badArguments', complaint);
  return context.args;
}
