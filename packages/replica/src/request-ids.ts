/**
 * Identities of proposals, laid out as etcd's: 2 bytes of the member ID, then 5 bytes of milliseconds at the
 * start of the process and 1 byte of counter, increased as one 48-bit number. The suffix is unique within
 * the process; with the prefix it is, for all that matters, unique in the cluster and over restarts.
 */
export class RequestIds {
  /** The upper 32 bits without the part of the suffix that lies in them. */
  readonly #prefix: number;
  #suffix: number;

  constructor(options: { readonly memberId: bigint; readonly startedAtMs: number }) {
    this.#prefix = Number(options.memberId & 0xffffn) * 0x10000;
    this.#suffix = (Math.floor(options.startedAtMs) % 2 ** 40) * 256;
  }

  /** The next suffix, a 48-bit number. */
  next(): number {
    this.#suffix = (this.#suffix + 1) % 2 ** 48;
    return this.#suffix;
  }

  /** A whole ID that was not used before. */
  nextId(): bigint {
    return this.idOf(this.next());
  }

  /** The 64-bit ID with that suffix. */
  idOf(suffix: number): bigint {
    return (BigInt(this.high(suffix)) << 32n) | BigInt(this.low(suffix));
  }

  /** The upper half of the 64-bit ID with that suffix. */
  high(suffix: number): number {
    return this.#prefix + Math.floor(suffix / 2 ** 32);
  }

  /** The lower half. */
  low(suffix: number): number {
    return suffix % 2 ** 32;
  }

  /** The suffix of one of our own IDs, -1 for an ID of another member. */
  suffixOf(high: number, low: number): number {
    if (high - (high % 0x10000) !== this.#prefix) return -1;
    return (high % 0x10000) * 2 ** 32 + low;
  }
}
