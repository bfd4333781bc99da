import { toUtf8, fromLatin1 } from '@quorate/std';
import { bytesOfText, type ByteString } from '../byte-string.ts';

const shortEscapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '"': '\\"',
  '\\': '\\\\',
};
const printable = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/** Quotes as Go's `%q` does: printable characters stay, others and bytes that are no UTF-8 are escaped. */
export function goQuote(text: ByteString): ByteString {
  let quoted = '"';
  for (let at = 0; at < text.length;) {
    const size = utf8Size(text, at);
    quoted += size === 0 ? hexEscape(text.charCodeAt(at)) : quoteCharacter(text.slice(at, at + size));
    at += Math.max(size, 1);
  }
  return `${quoted}"`;
}

function quoteCharacter(bytes: ByteString): ByteString {
  const short = shortEscapes[bytes];
  if (short !== undefined) return short;
  const character = bytes.length === 1 ? bytes : toUtf8(fromLatin1(bytes));
  if (printable.test(character)) return bytes;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return hexEscape(code);
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

function hexEscape(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** How many bytes the UTF-8 character at `at` has; 0 when there is none. */
function utf8Size(text: ByteString, at: number): number {
  const first = text.charCodeAt(at);
  if (first < 0x80) return 1;
  const size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const bytes = text.slice(at, at + size);
  // The decoder of the platform knows all the rules: no surrogates, no overlong forms, nothing past U+10FFFF.
  const decoded = toUtf8(fromLatin1(bytes));
  return bytesOfText(decoded) === bytes ? size : 0;
}

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};
const escapeSequence =
  /^\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/;

/**
 * What a quoted text means, and how long the quotation is: Go's `"…"` with its escapes, or `…` between
 * backquotes as it stands. Undefined when `text` does not begin with a well-formed quotation.
 */
export function goUnquotePrefix(
  text: ByteString,
): { readonly value: ByteString; readonly size: number } | undefined {
  if (text.startsWith('`')) {
    const end = text.indexOf('`', 1);
    return end < 0 ? undefined : { value: text.slice(1, end), size: end + 1 };
  }
  if (!text.startsWith('"')) return undefined;
  let value = '';
  for (let at = 1; at < text.length;) {
    const char = text[at] ?? '';
    if (char === '"') return { value, size: at + 1 };
    if (char === '\n') return undefined;
    if (char !== '\\') {
      value += char;
      at++;
      continue;
    }
    const escape = escapeSequence.exec(text.slice(at, at + 10));
    const unescaped = escape === null ? undefined : unescape(escape);
    if (escape === null || unescaped === undefined) return undefined;
    value += unescaped;
    at += escape[0].length;
  }
  return undefined;
}

function unescape(escape: RegExpExecArray): ByteString | undefined {
  const [, simple, hex, octal, short, long] = escape;
  if (simple !== undefined) return simpleEscapes[simple];
  if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
  if (octal !== undefined) {
    const byte = parseInt(octal, 8);
    return byte > 0xff ? undefined : String.fromCharCode(byte);
  }
  const code = parseInt(short ?? long ?? '', 16);
  const valid = code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return valid ? bytesOfText(String.fromCodePoint(code)) : undefined;
}
