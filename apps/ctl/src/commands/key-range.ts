import { fromLatin1 } from '@quorate/std';
import { toKeyRange, type KeyRange } from '@quorate/client';
import type { ByteString } from '../byte-string.ts';
import type { Flags } from '../cli/flags.ts';
import { ExitError } from '../exit.ts';

/** Bytes of an argument. */
export function argumentBytes(text: ByteString): Uint8Array {
  return new Uint8Array(fromLatin1(text));
}

/**
 * The range that `<key> [range_end]` means, together with `--prefix` and `--from-key`. A second argument is
 * fine unless one of the flags is there; more are ignored.
 */
export function keyRangeOf(flags: Flags): KeyRange {
  const [key = '', rangeEnd] = flags.args;
  const prefix = flags.bool('prefix');
  const fromKey = flags.bool('from-key');
  if (prefix && fromKey) {
    throw new ExitError(
      'badArguments',
      '`--prefix` and `--from-key` cannot be set at the same time, choose one',
    );
  }
  if ((prefix || fromKey) && flags.args.length > 1) {
    throw new ExitError(
      'badArguments',
      'too many arguments, only accept one argument when `--prefix` or `--from-key` is set',
    );
  }
  const keyBytes = argumentBytes(key);
  if (prefix) return toKeyRange({ prefix: keyBytes });
  if (fromKey) return toKeyRange({ range: { from: keyBytes } });
  return { key: keyBytes, rangeEnd: argumentBytes(rangeEnd ?? '') };
}
