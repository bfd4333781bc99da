import { invariant, type ByteSource } from '@quorate/std';
import { headerFieldSize, writeHeaderField } from './response-header.ts';
import type { RangeResponseParts } from './types.ts';
import {
  allocate,
  countFieldSize,
  flagFieldSize,
  sealed,
  splicedListSize,
  splicedSize,
  writeCountField,
  writeFlagField,
  writeHead,
  writeSpliced,
} from './writer.ts';

export const rangeKvsTag = 0x12;
const moreTag = 0x18;
const countTag = 0x20;

/**
 * The bytes of an etcdserverpb.RangeResponse, each key-value copied from where it lies to where it is sent from. An answer
 * of 10 MB needs no 10 MB then, which would have to be got from the system, cleared, and collected again: that was two
 * thirds of what a list costs. (See bench/range-response.)
 *
 * Invariant: `#begun` are the pieces that come next, the first one from `#at` on; behind them come `#kvs` from `#next` on,
 * and the tail. Together they are `#left` bytes.
 */
export class RangeResponseSource implements ByteSource {
  readonly length: number;
  #kvs: readonly Uint8Array[];
  #tail: Uint8Array;
  #next = 0;
  readonly #begun: Uint8Array[];
  #at = 0;
  #left: number;

  /** Reads `parts.kvs` until it is read to its end, or detached. */
  constructor(parts: RangeResponseParts, size: number = rangeResponseSize(parts)) {
    const header = allocate(headerFieldSize(parts.header));
    writeHeaderField(parts.header, header, 0);
    this.#begun = [header];
    this.#kvs = parts.kvs;
    this.#tail = allocate(rangeTailSize(parts));
    sealed(this.#tail, writeRangeTail(parts, this.#tail, 0));
    this.length = this.#left = size;
  }

  read(target: Uint8Array, start: number, end: number): void {
    invariant(end - start <= this.#left, 'no more is read of an answer than there is');
    this.#left -= end - start;
    let offset = this.#readBegun(target, start, end);
    while (offset < end) {
      const kv = this.#kvs[this.#next++];
      if (kv !== undefined && splicedSize(kv.length) <= end - offset) {
        offset = writeSpliced(rangeKvsTag, kv, target, offset);
        continue;
      }
      if (kv === undefined) this.#begun.push(this.#tail);
      else this.#begun.push(fieldHead(kv.length), kv);
      offset = this.#readBegun(target, offset, end);
    }
  }

  detach(): void {
    const rest = allocate(this.#left);
    this.read(rest, 0, rest.length);
    this.#left = rest.length;
    this.#begun.splice(0, Infinity, rest);
    this.#at = 0;
    this.#kvs = [];
    this.#tail = allocate(0);
  }

  #readBegun(target: Uint8Array, start: number, end: number): number {
    let offset = start;
    while (offset < end && this.#begun.length > 0) {
      const first = this.#begun[0]!; // There is one.
      const taken = Math.min(first.length - this.#at, end - offset);
      target.set(first.subarray(this.#at, this.#at + taken), offset);
      offset += taken;
      this.#at += taken;
      if (this.#at < first.length) break;
      this.#begun.shift();
      this.#at = 0;
    }
    return offset;
  }
}

export function rangeResponseSize(parts: RangeResponseParts): number {
  return headerFieldSize(parts.header) + splicedListSize(parts.kvs) + rangeTailSize(parts);
}

/** What stands behind the key-values. */
function rangeTailSize({ more, count }: RangeResponseParts): number {
  return flagFieldSize(more) + countFieldSize(count);
}

export function writeRangeTail(
  { more, count }: RangeResponseParts,
  target: Uint8Array,
  start: number,
): number {
  return writeCountField(countTag, count, target, writeFlagField(moreTag, more, target, start));
}

function fieldHead(size: number): Uint8Array {
  const head = new Uint8Array(splicedSize(size) - size);
  writeHead(rangeKvsTag, size, head, 0);
  return head;
}
