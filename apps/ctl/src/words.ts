import type { ByteString } from './byte-string.ts';
import { ExitError } from './exit.ts';
import { goUnquotePrefix } from './go/quote.ts';

/** A word of a command line: `"…"` with escapes, `'…'` as it stands, or anything without spaces. */
const word = /"(?:[^"\\]|\\[^\n])*"|'[^']*'|[^'"\t\n\f\r ][^\t\n\f\r ]*[^'"\t\n\f\r ]?/g;

/**
 * The words of a line, as the lines of `txn` and `watch -i` have them. (etcdctl 3.5 cuts off the end of a word in
 * single quotes.)
 *
 * @throws ExitError for a quotation with a broken escape
 */
export function words(line: ByteString): ByteString[] {
  return (line.match(word) ?? []).map((part) => {
    if (part.startsWith("'")) return part.slice(1, -1);
    if (!part.startsWith('"')) return part;
    const unquoted = goUnquotePrefix(part);
    if (unquoted === undefined) throw new ExitError('invalidInput', 'invalid syntax');
    return unquoted.value;
  });
}
