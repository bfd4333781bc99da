import { compressionError } from '../errors.ts';
import { DynamicTable } from './dynamic-table.ts';
import { fieldSize, HeaderField } from './header-field.ts';
import { HeaderList } from './header-list.ts';
import { decodeHuffman } from './huffman.ts';
import { staticFields } from './static-table.ts';

/** What a decoder takes. */
export interface HpackDecoderOptions {
  /** The limit of the table that was announced to the other side. */
  readonly maxTableSize: number;
  /** Fields of a header list that is larger are not kept. */
  readonly maxListSize: number;
  /** More fields than that are too large, too. */
  readonly maxFields: number;
}

/** Blocks that are remembered, each with what it said. */
const rememberedMax = 8;
/** Longer ones are rarely the same. */
const rememberedBytesMax = 512;

interface Remembered {
  readonly block: Uint8Array;
  readonly changes: number;
  readonly list: HeaderList;
}

/**
 * Decodes header blocks, in the order in which they come (RFC 7541 §3, §6). A client repeats itself: a block that refers to
 * the table only says the same as long as the table is, so the last few are remembered whole.
 */
export class HpackDecoder {
  readonly #options: HpackDecoderOptions;
  readonly #table: DynamicTable;
  readonly #remembered: Remembered[] = [];
  #nextToForget = 0;
  #block: Uint8Array = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor(options: HpackDecoderOptions) {
    this.#options = options;
    this.#table = new DynamicTable(options.maxTableSize);
  }

  /**
   * What the block `bytes[start, end)` says; the bytes are the caller's again afterwards.
   * @throws ConnectionError COMPRESSION_ERROR when it is no header block; the decoder is of no use any more
   */
  decode(bytes: Uint8Array, start = 0, end = bytes.length): HeaderList {
    const { changes } = this.#table;
    for (const remembered of this.#remembered) {
      if (remembered.changes === changes && isSame(remembered.block, bytes, start, end))
        return remembered.list;
    }
    const list = this.#decode(bytes, start, end);
    if (this.#table.changes === changes && end - start <= rememberedBytesMax && !list.isTooLarge) {
      const block = Uint8Array.prototype.slice.call(bytes, start, end);
      this.#remembered[this.#nextToForget] = { block, changes, list };
      this.#nextToForget = (this.#nextToForget + 1) % rememberedMax;
    }
    return list;
  }

  #decode(block: Uint8Array, start: number, end: number): HeaderList {
    const { maxListSize, maxFields } = this.#options;
    this.#block = block;
    this.#at = start;
    this.#end = end;
    const fields: HeaderField[] = [];
    let size = 0;
    let isTooLarge = false;
    let mayResize = true;
    while (this.#at < end) {
      const first = block[this.#at] ?? 0;
      if (first >= 0x20 && first < 0x40) {
        // Only in front of all fields (§4.2).
        if (!mayResize) throw compressionError('the table changes its size within a header block');
        this.#resize(this.#integer(5));
        continue;
      }
      mayResize = false;
      if (isTooLarge && first < 0x20) {
        size += this.#skippedLiteral();
        continue;
      }
      const field = this.#field(first);
      size += field.size;
      isTooLarge ||= size > maxListSize || fields.length >= maxFields;
      if (!isTooLarge) fields.push(field);
    }
    return new HeaderList({ fields: isTooLarge ? [] : fields, size, isTooLarge });
  }

  #resize(size: number): void {
    if (size > this.#options.maxTableSize) {
      throw compressionError('the table of headers becomes larger than it may');
    }
    this.#table.resize(size);
  }

  /** §6.1 and §6.2, by the first bits. */
  #field(first: number): HeaderField {
    if (first >= 0x80) return this.#entry(this.#integer(7));
    if (first >= 0x40) {
      const field = this.#literal(6);
      this.#table.add(field);
      return field;
    }
    return this.#literal(4);
  }

  #literal(prefixBits: number): HeaderField {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#text() : this.#entry(index).name;
    return new HeaderField(name, this.#text());
  }

  /** The size of a field that neither a list nor a table will have. */
  #skippedLiteral(): number {
    const index = this.#integer(4);
    const nameLength = index === 0 ? this.#skippedText() : this.#entry(index).name.length;
    return fieldSize(nameLength, this.#skippedText());
  }

  #entry(index: number): HeaderField {
    const field =
      index <= staticFields.length
        ? staticFields[index - 1]
        : this.#table.at(index - staticFields.length - 1);
    if (field === undefined) throw compressionError('a header refers to a field that no table has');
    return field;
  }

  /** §5.1. Nothing that is sent here needs more than 28 bits. */
  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = (this.#block[this.#at++] ?? 0) & most;
    if (value < most) return value;
    for (let shift = 0; ; shift += 7) {
      if (this.#at >= this.#end) throw compressionError('a header block ends within a number');
      const byte = this.#block[this.#at++] ?? 0;
      if (shift > 21) throw compressionError('a number of a header block is too large');
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  /** §5.2. */
  #text(): string {
    const isHuffman = this.#isHuffman();
    const start = this.#textStart();
    return isHuffman ? decodeHuffman(this.#block, start, this.#at) : latin1(this.#block, start, this.#at);
  }

  /** The length of a text that is only checked: of one that was not packed there is nothing to check. */
  #skippedText(): number {
    const isHuffman = this.#isHuffman();
    const start = this.#textStart();
    return isHuffman ? decodeHuffman(this.#block, start, this.#at).length : this.#at - start;
  }

  #isHuffman(): boolean {
    if (this.#at >= this.#end) throw compressionError('a header block ends within a field');
    return (this.#block[this.#at] ?? 0) >= 0x80;
  }

  /** Where the characters begin; they end at `#at`. */
  #textStart(): number {
    const length = this.#integer(7);
    const start = this.#at;
    if (start + length > this.#end) throw compressionError('a header block ends within a string');
    this.#at = start + length;
    return start;
  }
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1');
}

/** A loop: the blocks of a client that repeats itself have few bytes, and to call a function for it costs more. */
function isSame(block: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (block.length !== end - start) return false;
  for (let index = 0; index < block.length; index++) if (block[index] !== bytes[start + index]) return false;
  return true;
}
