import { invariant } from '@quorate/std';
import { isSingleKey, type Key, type KeyRange } from './event-source.ts';
import { IntervalTree } from './interval-tree.ts';
import type { Watcher } from './watcher.ts';
import { WatcherGroup } from './watcher-group.ts';

/** The synced watchers, found by a changed key: those of one key in a hash map, those of a range in a tree. */
export class WatcherIndex {
  readonly #singles = new Map<Key, WatcherGroup>();
  readonly #ranges = new IntervalTree<WatcherGroup>();

  add(watcher: Watcher): void {
    invariant(watcher.group === undefined, 'a watcher is indexed once');
    this.#groupOf(watcher.options.range).add(watcher);
  }

  remove(watcher: Watcher): void {
    const { group } = watcher;
    invariant(group !== undefined, 'a watcher that leaves the index was in it');
    group.remove(watcher);
    if (group.audiences.length > 0) return;
    if (group.isSingleKey) this.#singles.delete(group.range.start);
    else this.#ranges.delete(group.range);
  }

  /** Adds the groups that a changed key concerns to `into`. */
  match(key: Key, into: WatcherGroup[]): void {
    const single = this.#singles.get(key);
    if (single !== undefined) into.push(single);
    this.#ranges.stab(key, into);
  }

  #groupOf(range: KeyRange): WatcherGroup {
    if (isSingleKey(range)) {
      const known = this.#singles.get(range.start);
      if (known !== undefined) return known;
      const group = new WatcherGroup(range);
      this.#singles.set(range.start, group);
      return group;
    }
    const known = this.#ranges.get(range);
    if (known !== undefined) return known;
    const group = new WatcherGroup(range);
    this.#ranges.set(range, group);
    return group;
  }
}
