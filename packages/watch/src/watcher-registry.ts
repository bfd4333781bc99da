import type { WatchCounters } from './metrics.ts';
import { TurnOrder } from './turn-order.ts';
import type { Watcher } from './watcher.ts';
import type { WatcherIndex } from './watcher-index.ts';

/**
 * The watchers of one stream and the changes between their states: nobody else sets `Watcher.state`.
 *
 * Invariant: a watcher is in the index if and only if it is synced, and in `unsynced` if and only if it is that.
 */
export class WatcherRegistry {
  /** Watchers behind the log, in the order of their turns. */
  readonly unsynced = new TurnOrder();
  /** Watchers that asked for progress notices. */
  readonly notifying = new Set<Watcher>();
  readonly #index: WatcherIndex;
  readonly #counters: WatchCounters;
  readonly #watchers = new Map<bigint, Watcher>();
  /** Watchers with a start revision that was above the current one when they were created. */
  readonly #future = new Set<Watcher>();
  #nextAutoId = 0n;
  #dropped = 0;
  #syncLosses = 0;

  constructor(options: { index: WatcherIndex; counters: WatchCounters }) {
    this.#index = options.index;
    this.#counters = options.counters;
  }

  /** How many IDs are taken. */
  get size(): number {
    return this.#watchers.size;
  }

  /** How many watchers get events: all but the dropped ones. */
  get liveCount(): number {
    return this.#watchers.size - this.#dropped;
  }

  /** How often a watcher has become unsynced; what was promised for all of them is void after one more. */
  get syncLosses(): number {
    return this.#syncLosses;
  }

  get(id: bigint): Watcher | undefined {
    return this.#watchers.get(id);
  }

  /** All watchers as of now, dropped ones included. */
  all(): Watcher[] {
    return [...this.#watchers.values()];
  }

  /** The next ID that is not in use; never one that it gave before. */
  freshId(): bigint {
    while (this.#watchers.has(this.#nextAutoId)) this.#nextAutoId++;
    return this.#nextAutoId++;
  }

  /** Takes in a watcher that follows the log from the current revision or a later one on. */
  addSynced(watcher: Watcher, currentRevision: number): void {
    this.#add(watcher);
    watcher.state = 'synced';
    this.#index.add(watcher);
    if (watcher.options.startRevision > currentRevision) this.#future.add(watcher);
  }

  /** Takes in a watcher that has history to read. */
  addUnsynced(watcher: Watcher): void {
    this.#add(watcher);
    watcher.state = 'unsynced';
    this.#enterTurnOrder(watcher);
  }

  /** Takes in a watcher whose history is gone already: only its ID is kept. */
  addDropped(watcher: Watcher): void {
    this.addUnsynced(watcher);
    this.drop(watcher);
  }

  /** Its cursor has passed the last revision. */
  sync(watcher: Watcher): void {
    this.#leaveTurnOrder(watcher);
    watcher.state = 'synced';
    this.#index.add(watcher);
  }

  /** Makes a synced watcher a cursor at `next`, or moves the cursor of an unsynced one back to it. */
  unsync(watcher: Watcher, next: number): void {
    watcher.next = next;
    if (watcher.state === 'unsynced') {
      this.#syncLosses++;
      return;
    }
    this.#index.remove(watcher);
    watcher.state = 'unsynced';
    this.#enterTurnOrder(watcher);
  }

  /** Lets the other unsynced watchers have their turn first. */
  toTheBack(watcher: Watcher): void {
    this.unsynced.remove(watcher);
    this.unsynced.add(watcher);
  }

  /** Its history is compacted away. Its ID stays taken until the client cancels it, which clients do. */
  drop(watcher: Watcher): void {
    this.#release(watcher);
    watcher.state = 'dropped';
    this.#dropped++;
    this.#counters.compactedTotal++;
  }

  /** Takes a watcher out for good; what is queued for it is passed over later. */
  end(watcher: Watcher): void {
    if (watcher.state === 'dropped') this.#dropped--;
    else this.#release(watcher);
    watcher.state = 'closed';
    this.#watchers.delete(watcher.id);
  }

  /** Whether no watcher waits for a start revision that is still to come. */
  futureHasCome(currentRevision: number): boolean {
    for (const watcher of this.#future) {
      if (watcher.options.startRevision > currentRevision) return false;
      this.#future.delete(watcher);
    }
    return true;
  }

  #add(watcher: Watcher): void {
    this.#watchers.set(watcher.id, watcher);
    this.#counters.watchers++;
    if (watcher.options.progressNotify) this.notifying.add(watcher);
  }

  #release(watcher: Watcher): void {
    if (watcher.state === 'synced') this.#index.remove(watcher);
    else this.#leaveTurnOrder(watcher);
    this.#counters.watchers--;
    this.#future.delete(watcher);
    this.notifying.delete(watcher);
  }

  #enterTurnOrder(watcher: Watcher): void {
    this.#syncLosses++;
    this.unsynced.add(watcher);
    this.#counters.unsyncedWatchers++;
  }

  #leaveTurnOrder(watcher: Watcher): void {
    this.unsynced.remove(watcher);
    this.#counters.unsyncedWatchers--;
  }
}
