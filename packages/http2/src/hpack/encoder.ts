import { DynamicTable } from './dynamic-table.ts';
import { HeaderField } from './header-field.ts';
import { encodeHuffman, huffmanLength } from './huffman.ts';
import { staticFields, staticNames, staticPairs } from './static-table.ts';

/** A field to send, and whether it will be sent again as it is: then both sides keep it (RFC 7541 §6.2.1). */
export interface OutgoingField {
  /** Lower case. */
  readonly name: string;
  /** A character is a byte. */
  readonly value: string;
  readonly isRepeated: boolean;
}

/** A header that is sent again and again; its bytes are made anew only when the table has changed. */
export class PreparedHeader {
  readonly fields: readonly OutgoingField[];

  constructor(fields: readonly OutgoingField[]) {
    this.fields = fields;
  }
}

/** We need a handful of fields, whatever the other side would keep for us. */
const maxTableSize = 4096;

/**
 * Encodes headers for one connection, in the order in which they are sent.
 *
 * Invariant: the other side's table, once it has read all of it, is the one in here.
 */
export class HpackEncoder {
  readonly #table = new DynamicTable(maxTableSize);
  readonly #prepared = new Map<PreparedHeader, { readonly changes: number; readonly block: Uint8Array }>();
  /** Sizes of the table that the other side has yet to be told: the least, and the one that counts now (§4.2). */
  #resizedTo: { least: number; now: number } | undefined;
  #bytes = Buffer.allocUnsafe(256);
  #at = 0;

  /** Takes note of what the other side announced. */
  setMaxTableSize(announced: number): void {
    const size = Math.min(announced, maxTableSize);
    if (this.#resizedTo === undefined) {
      if (size === this.#table.maxSize) return;
      this.#resizedTo = { least: size, now: size };
    } else {
      this.#resizedTo.least = Math.min(this.#resizedTo.least, size);
      this.#resizedTo.now = size;
    }
    this.#table.resize(this.#resizedTo.least);
    this.#table.resize(size);
  }

  /** The block of a header; for good if it is a prepared one, or else until the next call. */
  encode(header: PreparedHeader | readonly OutgoingField[]): Uint8Array {
    if (!(header instanceof PreparedHeader)) return this.#encode(header);
    const known = this.#prepared.get(header);
    if (known?.changes === this.#table.changes && this.#resizedTo === undefined) return known.block;
    const { changes } = this.#table;
    const announcesSize = this.#resizedTo !== undefined;
    const block = Buffer.from(this.#encode(header.fields));
    // The first block puts fields into the table, and the next ones refer to them.
    if (this.#table.changes === changes && !announcesSize) this.#prepared.set(header, { changes, block });
    return block;
  }

  #encode(fields: readonly OutgoingField[]): Uint8Array {
    this.#at = 0;
    this.#announceSize();
    for (const field of fields) this.#field(field);
    return this.#bytes.subarray(0, this.#at);
  }

  #announceSize(): void {
    if (this.#resizedTo === undefined) return;
    const { least, now } = this.#resizedTo;
    this.#resizedTo = undefined;
    this.#reserve(16);
    if (least < now) this.#integer(0x20, 5, least);
    this.#integer(0x20, 5, now);
  }

  #field({ name, value, isRepeated }: OutgoingField): void {
    // Both strings as they are, and numbers before each.
    this.#reserve(name.length + value.length + 32);
    const index = staticPairs.get(`${name}\0${value}`) ?? this.#kept(name, value);
    if (index !== undefined) return this.#integer(0x80, 7, index);
    const nameIndex = staticNames.get(name) ?? 0;
    if (isRepeated) this.#integer(0x40, 6, nameIndex);
    else this.#integer(0x00, 4, nameIndex);
    if (nameIndex === 0) this.#text(name);
    this.#text(value);
    if (isRepeated) this.#table.add(new HeaderField(name, value));
  }

  #kept(name: string, value: string): number | undefined {
    for (let index = 0; index < this.#table.count; index++) {
      const field = this.#table.at(index);
      if (field?.name === name && field.value === value) return staticFields.length + 1 + index;
    }
    return undefined;
  }

  /** §5.1 */
  #integer(pattern: number, prefixBits: number, value: number): void {
    const most = (1 << prefixBits) - 1;
    if (value < most) {
      this.#bytes[this.#at++] = pattern | value;
      return;
    }
    this.#bytes[this.#at++] = pattern | most;
    let left = value - most;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) this.#bytes[this.#at++] = (left & 0x7f) | 0x80;
    this.#bytes[this.#at++] = left;
  }

  /** §5.2, in the shorter of both ways. */
  #text(text: string): void {
    const length = huffmanLength(text);
    if (length < text.length) {
      this.#integer(0x80, 7, length);
      this.#at = encodeHuffman(text, this.#bytes, this.#at);
    } else {
      this.#integer(0x00, 7, text.length);
      this.#at += this.#bytes.write(text, this.#at, 'latin1');
    }
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + bytes));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
