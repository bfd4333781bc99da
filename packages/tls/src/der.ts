/** One element of DER (X.690 §8.1): what it is, what it holds, and all of it. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag and length included. */
  readonly bytes: Uint8Array;
}

/** Tags that lists of revoked certificates, and certificates, are made of. */
export const derTags = {
  integer: 0x02,
  bitString: 0x03,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0]`, with elements in it. */
  context0: 0xa0,
} as const;

/** The elements of a sequence one after the other. @throws Error when bytes are left over, or missing */
export function* derElements(bytes: Uint8Array): Generator<DerElement> {
  for (let at = 0; at < bytes.length;) {
    const element = derElement(bytes.subarray(at));
    yield element;
    at += element.bytes.length;
  }
}

/** The first element. @throws Error when it is cut off, or has a length that no list has */
export function derElement(bytes: Uint8Array): DerElement {
  const [tag, first] = bytes;
  if (tag === undefined || first === undefined) throw new Error('cut off');
  let [length, header] = [first, 2];
  if (first >= 0x80) {
    const lengthBytes = first & 0x7f;
    // No length at all is BER; more than four bytes is more than any file.
    if (lengthBytes === 0 || lengthBytes > 4) throw new Error('not DER');
    header += lengthBytes;
    length = 0;
    for (let i = 2; i < header; i++) length = length * 256 + (bytes[i] ?? 0);
  }
  if (header + length > bytes.length) throw new Error('cut off');
  return { tag, content: bytes.subarray(header, header + length), bytes: bytes.subarray(0, header + length) };
}

/** An element of a sequence that has to be there and of that kind. @throws Error */
export function expectTag(element: DerElement | undefined, tag: number): DerElement {
  if (element?.tag !== tag) throw new Error('not of the form it should have');
  return element;
}

/** A point in time, in milliseconds since 1970 (RFC 5280 §4.1.2.5). @throws Error */
export function derTime({ tag, content }: DerElement): number {
  const text = Buffer.from(content).toString('latin1');
  const [, year = '', month, day, hour, minute, second] =
    /^(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text) ?? [];
  const isShort = tag === derTags.utcTime;
  if (year.length !== (isShort ? 2 : 4)) throw new Error('not a time');
  const century = isShort ? (Number(year) < 50 ? '20' : '19') : '';
  return Date.parse(`${century}${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
