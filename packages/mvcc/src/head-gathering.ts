import { sortedPositions } from './key-sort.ts';
import type { KeyTree } from './key-tree.ts';
import type { Key } from './types.ts';

export interface HeadGatheringLimits {
  /**
   * A search that would look at more slots of the table than this makes the tree at once, so that keys chosen to
   * collide cost no more than inserting them does. Other keys do not get there: at half load, a million keys
   * come to about 70.
   */
  readonly probesMax: number;
  /** So many keys are gathered, well below what an array can hold; later ones are inserted one by one. */
  readonly keysMax: number;
}

const defaultLimits: HeadGatheringLimits = { probesMax: 256, keysMax: 2 ** 26 };
const slotsAtFirst = 1024;

/**
 * The heads of keys while a store is opened. To find the place of a random key in a tree of a million costs
 * cache misses on every level, and leaves that split move most keys again; so the heads are gathered in a hash
 * table, and the tree is made at the end, of keys that were sorted once. Nobody can read the tree until `finish`.
 */
export class HeadGathering {
  readonly #tree: KeyTree;
  readonly #limits: HeadGatheringLimits;
  /** Whether heads are gathered; false once the tree is made. */
  #gathering = true;
  /** Whether keys came in ascending order so far, so that none need be sorted. */
  #ascending = true;
  #keys: Key[] = [];
  #heads: number[] = [];
  /** For each slot of the table the hash of a key, and one more than its position, 0 when the slot is free. */
  #slots = new Int32Array(2 * slotsAtFirst);
  #slotMask = slotsAtFirst - 1;
  /** Where `head` ended: the hash of the key, its slot, and its position when it is there. */
  #hash = 0;
  #slot = 0;
  #position = -1;

  /** Gathers for an empty tree. */
  constructor(tree: KeyTree, limits = defaultLimits) {
    this.#tree = tree;
    this.#limits = limits;
  }

  /** The head of a key, 0 when there is none. */
  head(key: Key): number {
    if (this.#gathering && this.#find(key)) return this.#position < 0 ? 0 : this.#heads[this.#position]!;
    this.finish();
    this.#tree.seek(key);
    return this.#tree.head;
  }

  /** Sets the head of the key that `head` was just asked for. */
  setHead(key: Key, head: number): void {
    if (!this.#gathering) this.#tree.setHead(key, head);
    else if (this.#position >= 0) this.#heads[this.#position] = head;
    else this.#add(key, head);
  }

  /** Puts all that was gathered into the tree. */
  finish(): void {
    if (!this.#gathering) return;
    this.#gathering = false;
    this.#slots = new Int32Array(0);
    let keys = this.#keys;
    let heads = this.#heads;
    if (!this.#ascending) {
      const positions = sortedPositions(keys);
      keys = [];
      heads = [];
      for (const position of positions) {
        keys.push(this.#keys[position]!);
        heads.push(this.#heads[position]!);
      }
    }
    this.#keys = [];
    this.#heads = [];
    this.#tree.build(keys, heads, this.#ascending ? 'full' : 'roomy');
  }

  /** Looks for a key; returns whether the search came to an end. */
  #find(key: Key): boolean {
    const slots = this.#slots;
    const mask = this.#slotMask;
    const { probesMax } = this.#limits;
    const hash = (this.#hash = hashOf(key));
    for (let probe = 0, slot = hash & mask; probe < probesMax; probe++, slot = (slot + 1) & mask) {
      const position = slots[2 * slot + 1]! - 1;
      if (position < 0 || (slots[2 * slot] === hash && this.#keys[position] === key)) {
        this.#slot = slot;
        this.#position = position;
        return true;
      }
    }
    return false;
  }

  #add(key: Key, head: number): void {
    const { length } = this.#keys;
    if (this.#ascending) this.#ascending = length === 0 || this.#keys[length - 1]! < key;
    this.#keys.push(key);
    this.#heads.push(head);
    this.#slots[2 * this.#slot] = this.#hash;
    this.#slots[2 * this.#slot + 1] = length + 1;
    if (length + 1 >= this.#limits.keysMax) this.finish();
    else if (2 * length > this.#slotMask) this.#grow();
  }

  #grow(): void {
    const old = this.#slots;
    const slots = new Int32Array(2 * old.length);
    const mask = 2 * this.#slotMask + 1;
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] === 0) continue;
      let slot = old[i]! & mask;
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
      slots[2 * slot] = old[i]!;
      slots[2 * slot + 1] = old[i + 1]!;
    }
    this.#slots = slots;
    this.#slotMask = mask;
  }
}

/** Takes four bytes at a time: the multiplications wait for each other. */
function hashOf(key: Key): number {
  const size = key.length;
  let hash = size;
  let i = 0;
  for (; i + 4 <= size; i += 4) {
    const high = (key.charCodeAt(i) << 24) | (key.charCodeAt(i + 1) << 16);
    const four = high | (key.charCodeAt(i + 2) << 8) | key.charCodeAt(i + 3);
    hash = Math.imul(hash ^ four, 0x9e37_79b1);
    hash ^= hash >>> 15;
  }
  for (; i < size; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x9e37_79b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  return hash ^ (hash >>> 13);
}
