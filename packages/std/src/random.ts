import { randomFillSync } from 'node:crypto';

/** Where chance comes from: seeded in tests and simulation, the machine's in production. */
export interface Random {
  /** A whole number from 0 to `limitExclusive - 1`, each as likely; the limit is at most 2^32. */
  below(limitExclusive: number): number;
  /** 64 random bits. */
  uint64(): bigint;
}

/** A fast generator with 128 bits of state (xoshiro128**, Blackman and Vigna 2018): one seed, one sequence. */
export class SeededRandom implements Random {
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    // SplitMix32 spreads the seed over the state, which must not be all zero.
    let x = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      this.#state[i] = z ^ (z >>> 16);
    }
  }

  below(limitExclusive: number): number {
    // Multiply-shift: the bias is below limit / 2^32, far under what any use of ours can notice.
    return Math.floor((this.#next() / 2 ** 32) * limitExclusive);
  }

  uint64(): bigint {
    return (BigInt(this.#next()) << 32n) | BigInt(this.#next());
  }

  #next(): number {
    const s = this.#state;
    const s1 = s[1]!;
    const scrambled = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= s1 << 9;
    s[3] = rotateLeft(s[3]!, 11);
    return scrambled;
  }
}

/** Bytes of the machine's chance, fetched by the hundred, since each time costs as much as a small request. */
const pool = Buffer.alloc(1_024);
let poolAt = pool.length;

/** Where the next bytes of the pool begin; they are given away once. */
function take(bytes: number): number {
  if (poolAt + bytes > pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  const at = poolAt;
  poolAt += bytes;
  return at;
}

/** The machine's own chance. */
export const systemRandom: Random = {
  below: (limitExclusive) => Math.floor((pool.readUInt32LE(take(4)) / 2 ** 32) * limitExclusive),
  uint64: () => pool.readBigUInt64LE(take(8)),
};

function rotateLeft(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}
