import { toUtf8 } from '@quorate/std';
import { MemberJsonError } from './errors.ts';

/**
 * JSON as Go writes and reads it: etcd's IDs are bare numbers of 64 bits, which `JSON.parse` alone would round
 * to 53, and Go writes some characters of a text as escapes.
 */

/** What `goJson` writes. Integers of 64 bits are bigints; undefined properties are left out. */
export type GoJson =
  null | boolean | bigint | string | readonly GoJson[] | { readonly [name: string]: GoJson | undefined };

/** A value with its integers as bigints, whatever their size. @throws MemberJsonError */
export function parseLosslessJson(json: Uint8Array): unknown {
  try {
    return JSON.parse(toUtf8(json), exactIntegers as (name: string, value: unknown) => unknown);
  } catch (cause) {
    throw new MemberJsonError('not JSON', { cause });
  }
}

/** A reviver that sees the source text of a number (ECMAScript 2026; TypeScript's library lacks the third argument). */
function exactIntegers(_name: string, value: unknown, context: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value;
  return /^-?\d+$/.test(context.source ?? '') ? BigInt(context.source ?? '') : value;
}

/** The text that Go's `json.Marshal` makes of a value, byte for byte. */
export function goJson(value: GoJson): string {
  if (value === null || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (typeof value === 'string') return goString(value);
  if (isList(value)) return `[${value.map(goJson).join(',')}]`;
  const properties: string[] = [];
  for (const [name, property] of Object.entries(value)) {
    if (property !== undefined) properties.push(`${goString(name)}:${goJson(property)}`);
  }
  return `{${properties.join(',')}}`;
}

/** `Array.isArray` does not narrow a readonly array. */
function isList(value: object): value is readonly GoJson[] {
  return Array.isArray(value);
}

/** Go also escapes what would be markup in HTML, and two line ends of JavaScript. */
function goString(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
