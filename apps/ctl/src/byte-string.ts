import { fromLatin1, fromUtf8, toLatin1, toUtf8 } from '@quorate/std';

/**
 * A string with one char code a byte: what Go calls a string. Arguments, keys and values may hold bytes that
 * are no UTF-8, and must come out as they went in; so all that this program reads, compares and prints is
 * made of these, and `fromLatin1` turns them back to bytes.
 */
export type ByteString = string;

/** The UTF-8 bytes of a text. Text of ASCII only is its own byte string. */
export function bytesOfText(text: string): ByteString {
  return toLatin1(fromUtf8(text));
}

/** The text of UTF-8 bytes; broken sequences become U+FFFD. */
export function textOf(bytes: ByteString): string {
  return toUtf8(fromLatin1(bytes));
}

/** Without spaces, tabs and line breaks around it. */
export function trimSpace(text: ByteString): ByteString {
  return text.replace(/^[\t\n\v\f\r ]+|[\t\n\v\f\r ]+$/g, '');
}
