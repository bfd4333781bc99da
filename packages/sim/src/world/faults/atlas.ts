import type { Machine } from '../machine.ts';

/**
 * Says which machines may lose what they have stored. As long as these are a minority for the whole simulation,
 * every committed entry keeps a good copy on a machine that comes back: what goes wrong then is a bug.
 */
export class FaultAtlas {
  readonly #budget: number;
  readonly #damaged = new Set<string>();

  constructor(members: number) {
    this.#budget = Math.floor((members - 1) / 2);
  }

  /** Books a damage to this machine; false when it must be spared. */
  mayDamage({ name }: Machine): boolean {
    if (this.#damaged.has(name)) return true;
    if (this.#damaged.size >= this.#budget) return false;
    this.#damaged.add(name);
    return true;
  }

  isDamaged({ name }: Machine): boolean {
    return this.#damaged.has(name);
  }
}
