import type { Chance } from './chance.ts';

/** A way in which machines cannot hear each other: says of each direction of a link whether it is cut. */
export interface Partition {
  readonly name: string;
  readonly isCut: (from: string, to: string) => boolean;
  /** Whether clients cannot reach that machine; by default they can. */
  readonly isCutFromClients?: (machine: string) => boolean;
}

/** What a network does to messages on an ordinary day of this simulation. */
export interface NetworkRates {
  /** Typical time on the way. */
  readonly delayMs: number;
  readonly loss: number;
  readonly duplication: number;
  /** How often a message is overtaken by later ones. */
  readonly reordering: number;
}

/** What takes longer than this is taken for lost by those who wait. */
const delayMaxMs = 4_000;

/** The state of the network: rates of the day, and who is cut off from whom at the moment. */
export class NetworkTroubles {
  readonly #chance: Chance;
  readonly #partitions = new Set<Partition>();
  rates: NetworkRates;

  constructor(chance: Chance, rates: NetworkRates) {
    this.#chance = chance;
    this.rates = rates;
  }

  /** Cuts links until the partition is taken back. */
  add(partition: Partition): void {
    this.#partitions.add(partition);
  }

  remove(partition: Partition): void {
    this.#partitions.delete(partition);
  }

  get partitions(): readonly Partition[] {
    return [...this.#partitions];
  }

  isCut(from: string, to: string): boolean {
    for (const partition of this.#partitions) if (partition.isCut(from, to)) return true;
    return false;
  }

  isCutFromClients(machine: string): boolean {
    for (const partition of this.#partitions) if (partition.isCutFromClients?.(machine) === true) return true;
    return false;
  }

  /** How many copies of a message arrive: 0, 1 or 2. */
  copies(): number {
    const dice = this.#chance.fraction();
    if (dice < this.rates.loss) return 0;
    return dice > 1 - this.rates.duplication ? 2 : 1;
  }

  /** Time on the way; `isLate` when later messages may pass this one. */
  delay(): { readonly ms: number; readonly isLate: boolean } {
    const isLate = this.#chance.happens(this.rates.reordering);
    const ms = this.#chance.heavyTail(this.rates.delayMs);
    return { ms: Math.min(isLate ? ms * this.#chance.between(1, 20) : ms, delayMaxMs), isLate };
  }

  /** Everything flows, quickly. */
  heal(): void {
    this.#partitions.clear();
    this.rates = { delayMs: 1, loss: 0, duplication: 0, reordering: 0 };
  }
}

/** Cuts both directions between two groups. */
export function split(name: string, group: readonly string[]): Partition {
  const inside = new Set(group);
  return { name, isCut: (from, to) => inside.has(from) !== inside.has(to) };
}

/** Cuts what the machines of the group send to others; they still hear. */
export function oneWay(name: string, group: readonly string[]): Partition {
  const inside = new Set(group);
  return { name, isCut: (from, to) => inside.has(from) && !inside.has(to) };
}

/** Cuts single links, both ways: others still reach both ends. */
export function links(name: string, pairs: readonly (readonly [string, string])[]): Partition {
  const cut = new Set(pairs.flatMap(([a, b]) => [`${a}>${b}`, `${b}>${a}`]));
  return { name, isCut: (from, to) => cut.has(`${from}>${to}`) };
}
