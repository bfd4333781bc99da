import { isIPv4 } from 'node:net';

export interface OffenderLimits {
  /** Longest time that a connection has to wait; 0 is none. */
  readonly delayMsMax: number;
  /** Addresses that are remembered; the one that has offended longest ago is forgotten for one more. */
  readonly addressesMax: number;
}

/** Offences that cost nothing, and how many are forgotten in a second: checks by a connection that says nothing are some. */
const freeOffences = 10;
const forgivenPerSecond = 1;
/** Beyond them, the first delay; each further offence doubles it. */
const firstDelayMs = 50;
/**
 * From one that has waited to the next: each may cost a handshake, of some milliseconds, and a call of somebody else takes
 * several turns, all of which would have one in them if they came at once.
 */
const apartMs = 100;

/**
 * Remembers whose connections had to be cut, or ended before they asked for anything, and how long a new one from there
 * has to wait. Somebody honest at the same address waits with them, and is never refused. Time comes in.
 *
 * Invariant: nobody waits longer than `delayMsMax`, and nobody who offends at most once a second waits at all. Those who wait
 * come in one after the other, unless there are so many that they would wait longer.
 */
export class Offenders {
  readonly #limits: OffenderLimits;
  /** In the order of their last offence. */
  /** When the last of those who wait comes in. */
  #lastMs = -Infinity;
  readonly #levels = new Map<string, { readonly level: number; readonly atMs: number }>();

  constructor(limits: OffenderLimits) {
    this.#limits = limits;
  }

  /** Addresses that are remembered. */
  get count(): number {
    return this.#levels.size;
  }

  /** Notes an offence. */
  blame(address: string | undefined, nowMs: number): void {
    if (address === undefined) return;
    const network = networkOf(address);
    const { addressesMax, delayMsMax } = this.#limits;
    // More than it takes for the longest delay would only take longer to be forgotten.
    const most = freeOffences + 1 + Math.ceil(Math.log2(Math.max(1, delayMsMax / firstDelayMs)));
    const level = Math.min(most, this.#levelOf(network, nowMs) + 1);
    this.#levels.delete(network);
    this.#levels.set(network, { level, atMs: nowMs });
    const [longestAgo] = this.#levels.keys();
    if (this.#levels.size > addressesMax && longestAgo !== undefined) this.#levels.delete(longestAgo);
  }

  /** How long a new connection has to wait that has come from there now. */
  admit(address: string | undefined, nowMs: number): number {
    const delayMs = this.delayMs(address, nowMs);
    if (delayMs === 0) return 0;
    const inTurnMs = Math.max(nowMs + delayMs, this.#lastMs + apartMs);
    const atMs = Math.min(inTurnMs, nowMs + this.#limits.delayMsMax);
    this.#lastMs = Math.max(this.#lastMs, atMs);
    return atMs - nowMs;
  }

  /** How long one from there would have to wait at least. */
  delayMs(address: string | undefined, nowMs: number): number {
    if (address === undefined || this.#levels.size === 0) return 0;
    const network = networkOf(address);
    const level = this.#levelOf(network, nowMs);
    if (level === 0) this.#levels.delete(network);
    if (level <= freeOffences) return 0;
    return Math.min(this.#limits.delayMsMax, firstDelayMs * 2 ** (level - freeOffences - 1));
  }

  #levelOf(network: string, nowMs: number): number {
    const known = this.#levels.get(network);
    if (known === undefined) return 0;
    return Math.max(0, known.level - ((nowMs - known.atMs) * forgivenPerSecond) / 1000);
  }
}

/** What one holder of addresses has: an address of IPv4, 64 bits of IPv6. */
function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (isIPv4(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array.from({ length: zeros }, () => '0'), ...back].slice(0, 4).join(':');
}
