import { invariant } from '@quorate/std';
import type { Watcher } from './watcher.ts';

/**
 * The unsynced watchers of a stream in the order of their turns: a list linked through the watchers themselves.
 * Walking a `Set` from its start while entries leave it there costs time in proportion to those that left.
 */
export class TurnOrder {
  #first: Watcher | undefined;
  #last: Watcher | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Whose turn it is. */
  get first(): Watcher | undefined {
    return this.#first;
  }

  /** Puts a watcher at the end. */
  add(watcher: Watcher): void {
    invariant(!watcher.inTurnOrder, 'a watcher waits for one turn');
    watcher.inTurnOrder = true;
    watcher.turnBefore = this.#last;
    watcher.turnAfter = undefined;
    if (this.#last === undefined) this.#first = watcher;
    else this.#last.turnAfter = watcher;
    this.#last = watcher;
    this.#size++;
  }

  /** Takes a watcher out, if it is there. */
  remove(watcher: Watcher): void {
    if (!watcher.inTurnOrder) return;
    const { turnBefore, turnAfter } = watcher;
    if (turnBefore === undefined) this.#first = turnAfter;
    else turnBefore.turnAfter = turnAfter;
    if (turnAfter === undefined) this.#last = turnBefore;
    else turnAfter.turnBefore = turnBefore;
    watcher.inTurnOrder = false;
    watcher.turnBefore = undefined;
    watcher.turnAfter = undefined;
    this.#size--;
  }
}
