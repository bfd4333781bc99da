/** Fields of a message by their numbers: enough of protobuf to read what is known to be well-formed. */
export class ProtobufMessage {
  readonly #fields = new Map<number, (bigint | Buffer)[]>();

  static of(bytes: Buffer): ProtobufMessage {
    const message = new ProtobufMessage();
    let at = 0;
    const varint = (): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = bytes[at++] ?? 0;
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    const next = (wireType: number): bigint | Buffer => {
      if (wireType === 0) return varint();
      const length = wireType === 1 ? 8 : wireType === 5 ? 4 : Number(varint());
      const value = bytes.subarray(at, (at += length));
      if (wireType === 2) return value;
      return wireType === 1 ? value.readBigUInt64LE() : BigInt(value.readUInt32LE());
    };
    while (at < bytes.length) {
      const tag = Number(varint());
      message.#fields.set(tag >> 3, [...message.#values(tag >> 3), next(tag & 7)]);
    }
    return message;
  }

  has(field: number): boolean {
    return this.#fields.has(field);
  }

  messages(field: number): ProtobufMessage[] {
    return this.#values(field).flatMap((value) =>
      typeof value === 'bigint' ? [] : ProtobufMessage.of(value),
    );
  }

  text(field: number): string {
    return this.#bytes(field).toString('utf8');
  }

  hex(field: number): string {
    return this.#bytes(field).toString('hex');
  }

  integer(field: number): bigint {
    const [value] = this.#values(field);
    return typeof value === 'bigint' ? value : 0n;
  }

  texts(field: number): string[] {
    return this.#values(field).map((value) => String(value));
  }

  /** Of a packed field. */
  packed(field: number): number[] {
    const bytes = this.#bytes(field);
    const values: number[] = [];
    for (let at = 0, value = 0, factor = 1; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      value += (byte & 0x7f) * factor;
      factor *= 128;
      if (byte >= 0x80) continue;
      values.push(value);
      [value, factor] = [0, 1];
    }
    return values;
  }

  #bytes(field: number): Buffer {
    const [value] = this.#values(field);
    return value === undefined || typeof value === 'bigint' ? Buffer.alloc(0) : value;
  }

  #values(field: number): (bigint | Buffer)[] {
    return this.#fields.get(field) ?? [];
  }
}
