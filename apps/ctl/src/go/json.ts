import { bytesOfText, type ByteString } from '../byte-string.ts';

/** What can be printed as JSON. A `bigint` becomes a bare number, however large; bytes become base64. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue | undefined };

/** JSON as Go's encoder writes it: no spaces, fields in order, `<`, `>` and `&` escaped. Undefined is left out. */
export function goJson(value: JsonValue): ByteString {
  return bytesOfText(encode(value));
}

/** The object without what Go's `omitempty` leaves out: zeros, empty texts, bytes and lists, false, undefined. */
export function omitEmpty(object: Readonly<Record<string, JsonValue | undefined>>): {
  readonly [name: string]: JsonValue;
} {
  const kept: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined || isEmpty(value)) continue;
    kept[name] = value;
  }
  return kept;
}

function isEmpty(value: JsonValue): boolean {
  if (value === null || value === false || value === 0 || value === 0n || value === '') return true;
  return (Array.isArray(value) || value instanceof Uint8Array) && value.length === 0;
}

function encode(value: JsonValue): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return encodeText(value);
  if (typeof value !== 'object') return value.toString();
  if (value instanceof Uint8Array) return `"${Buffer.from(value).toString('base64')}"`;
  if (isList(value)) return `[${value.map(encode).join(',')}]`;
  const fields = Object.entries(value).flatMap(([name, field]) =>
    field === undefined ? [] : [`${encodeText(name)}:${encode(field)}`],
  );
  return `{${fields.join(',')}}`;
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function encodeText(text: string): string {
  return JSON.stringify(text).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
