/** What the size of a field is counted with, beside its name and value (RFC 7541 §4.1). */
const overheadBytes = 32;

/** Fields that belong to a connection of HTTP/1, and make a request malformed (RFC 9113 §8.2.2). */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);
/** Pseudo-header fields of requests (§8.3.1). */
const ofRequests = new Set([':method', ':scheme', ':authority', ':path']);

/**
 * One field of a header: a character of name and value is a byte. A field of a table is shared by all headers that refer
 * to it, so what is known of it is found once.
 */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  /** As tables and limits count it. */
  readonly size: number;
  /** `regular` in any header, `pseudo` at the front of requests; `malformed` in none. */
  readonly kind: 'regular' | 'pseudo' | 'malformed';

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = fieldSize(name.length, value.length);
    this.kind = kindOf(name, value);
  }
}

/** What a field counts in tables and limits. */
export function fieldSize(nameLength: number, valueLength: number): number {
  return nameLength + valueLength + overheadBytes;
}

function kindOf(name: string, value: string): HeaderField['kind'] {
  if (!isValue(value)) return 'malformed';
  if (name.charCodeAt(0) === 0x3a) return ofRequests.has(name) ? 'pseudo' : 'malformed';
  if (!isName(name) || ofConnection.has(name)) return 'malformed';
  return name === 'te' && value !== 'trailers' ? 'malformed' : 'regular';
}

/** Lower case, visible, no colon (RFC 9113 §8.2.1). */
function isName(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const byte = name.charCodeAt(index);
    if (byte <= 0x20 || byte >= 0x7f || byte === 0x3a || (byte >= 0x41 && byte <= 0x5a)) return false;
  }
  return name.length > 0;
}

/** No zero and no line break, no space at either end (§8.2.1). */
function isValue(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const byte = value.charCodeAt(index);
    if (byte === 0x00 || byte === 0x0a || byte === 0x0d) return false;
  }
  return value.length === 0 || !(isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)));
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}
