import type { ByteString } from '../byte-string.ts';
import { goQuote } from './quote.ts';

/** 16, 10, or 0: by the prefix of the number, as in a Go program. */
type Base = 0 | 10 | 16;

/** A signed 64-bit integer. @throws Error with the text of Go's strconv */
export function parseInt64(text: ByteString, base: Base): bigint {
  const [, sign = '', digits = ''] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  const magnitude = parseDigits(digits, base);
  if (magnitude === undefined) throw syntaxError('ParseInt', text);
  const value = sign === '-' ? -magnitude : magnitude;
  if (BigInt.asIntN(64, value) !== value) throw rangeError('ParseInt', text);
  return value;
}

/** An unsigned 64-bit integer. @throws Error with the text of Go's strconv */
export function parseUint64(text: ByteString, base: Base): bigint {
  const value = parseDigits(text, base);
  if (value === undefined) throw syntaxError('ParseUint', text);
  if (BigInt.asUintN(64, value) !== value) throw rangeError('ParseUint', text);
  return value;
}

/** Digits of a base; with base 0 a prefix chooses it, and underscores may stand between digits. */
function parseDigits(text: ByteString, base: Base): bigint | undefined {
  if (base === 10) return /^[0-9]+$/.test(text) ? BigInt(text) : undefined;
  if (base === 16) return /^[0-9a-fA-F]+$/.test(text) ? BigInt(`0x${text}`) : undefined;
  const literal = /^(?:0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO]?(?:_?[0-7])+|0|[1-9](?:_?[0-9])*)$/;
  if (!literal.test(text)) return undefined;
  const plain = text.replaceAll('_', '');
  return BigInt(/^0[0-7]/.test(plain) ? `0o${plain.slice(1)}` : plain);
}

function syntaxError(call: string, text: ByteString): Error {
  return new Error(`strconv.${call}: parsing ${goQuote(text)}: invalid syntax`);
}

function rangeError(call: string, text: ByteString): Error {
  return new Error(`strconv.${call}: parsing ${goQuote(text)}: value out of range`);
}
