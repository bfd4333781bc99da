/** Writes protobuf fields into a buffer that grows: as much of the format as profiles need. */
export class ProtobufWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** What was written; it is a view, and holds until more is written. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** An int64 or uint64 that is not negative. 0 is left out, as proto3 has it. */
  integer(field: number, value: number): void {
    if (value === 0) return;
    this.#varint(field * 8);
    this.#varint(value);
  }

  packed(field: number, values: readonly number[]): void {
    const inner = new ProtobufWriter();
    for (const value of values) inner.#varint(value);
    this.raw(field, inner.bytes);
  }

  text(field: number, value: string): void {
    this.raw(field, new TextEncoder().encode(value));
  }

  message(field: number, write: (inner: ProtobufWriter) => void): void {
    const inner = new ProtobufWriter();
    write(inner);
    this.raw(field, inner.bytes);
  }

  /** Bytes, or a message that is encoded already. */
  raw(field: number, bytes: Uint8Array): void {
    this.#varint(field * 8 + 2);
    this.#varint(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Up to 2^53: times in nanoseconds that are counted from a start fit, those since 1970 lose some of them. */
  #varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    while (rest >= 128) {
      this.#bytes[this.#length++] = (rest % 128) + 128;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#length++] = rest;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}
