/**
 * Walks over the fields of an encoded message without making objects, so that checking every answer of a
 * server costs the load generator little.
 */
export class ReplyFields {
  /** Number of the field that `next` has stepped on. */
  field = 0;
  /** Its value when it is a varint; exact up to 2^53. */
  value = 0;
  /** Its bytes when it has a length. */
  start = 0;
  end = 0;
  readonly #bytes: Uint8Array;
  #position: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, endExclusive = bytes.length) {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = endExclusive;
  }

  /** Steps on the next field; false at the end. Throws when the message is cut short. */
  next(): boolean {
    if (this.#position >= this.#end) return false;
    const tag = this.#varint();
    this.field = tag >>> 3;
    if ((tag & 7) === 0) {
      this.value = this.#varint();
    } else if ((tag & 7) === 2) {
      const size = this.#varint();
      this.start = this.#position;
      this.end = this.start + size;
      this.#position = this.end;
      if (this.end > this.#end) throw new Error('the answer is cut short');
    } else throw new Error(`the answer has a field of type ${tag & 7}`);
    return true;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; this.#position < this.#end; scale *= 128) {
      const byte = this.#bytes[this.#position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new Error('the answer is cut short');
  }
}

/** The revision in the header, which is field 1 of every answer. */
export function revisionOf(reply: Uint8Array): number {
  const fields = new ReplyFields(reply);
  if (!fields.next() || fields.field !== 1) throw new Error('the answer has no header');
  return numberAt(reply, { start: fields.start, end: fields.end, field: 3 });
}

/** A varint field of the message at `start` to `end`; 0 when it is not there. */
export function numberAt(
  bytes: Uint8Array,
  where: { readonly start: number; readonly end: number; readonly field: number },
): number {
  const fields = new ReplyFields(bytes, where.start, where.end);
  while (fields.next()) if (fields.field === where.field) return fields.value;
  return 0;
}

/** How often the top-level field occurs. */
export function occurrencesOf(reply: Uint8Array, field: number): number {
  const fields = new ReplyFields(reply);
  let count = 0;
  while (fields.next()) if (fields.field === field) count++;
  return count;
}
