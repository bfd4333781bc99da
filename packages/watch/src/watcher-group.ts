import { invariant } from '@quorate/std';
import { Audience, audienceKeyOf } from './audience.ts';
import { isSingleKey, type KeyRange } from './event-source.ts';
import type { EventSubset } from './live-queue.ts';
import type { Watcher } from './watcher.ts';

/** With so many audiences a hash map finds one sooner than a walk, and pays for its memory. */
const mapFrom = 8;

/** All synced watchers of one range: they share what a revision holds for it. */
export class WatcherGroup {
  readonly range: KeyRange;
  readonly isSingleKey: boolean;
  /** In no order. An audience that leaves gives its place to the last one, so a walk from the end may remove as it goes. */
  readonly audiences: Audience[] = [];
  /** What the revision that is being appended holds for the range. */
  subset: EventSubset | undefined;
  #byKey: Map<number, Audience> | undefined;

  constructor(range: KeyRange) {
    this.range = range;
    this.isSingleKey = isSingleKey(range);
  }

  add(watcher: Watcher): void {
    watcher.group = this;
    const key = audienceKeyOf(watcher);
    (this.#find(key) ?? this.#open(key, watcher)).add(watcher);
  }

  remove(watcher: Watcher): void {
    const { audience } = watcher;
    invariant(audience !== undefined, 'a watcher of a group is in an audience');
    audience.remove(watcher);
    watcher.group = undefined;
    if (audience.size === 0) this.#drop(audience);
  }

  #find(key: number): Audience | undefined {
    if (this.#byKey !== undefined) return this.#byKey.get(key);
    return this.audiences.find((audience) => audience.key === key);
  }

  #open(key: number, watcher: Watcher): Audience {
    const audience = new Audience(key, watcher);
    audience.indexInGroup = this.audiences.length;
    this.audiences.push(audience);
    if (this.#byKey !== undefined) this.#byKey.set(key, audience);
    else if (this.audiences.length === mapFrom) {
      this.#byKey = new Map(this.audiences.map((one) => [one.key, one]));
    }
    return audience;
  }

  #drop(audience: Audience): void {
    const last = this.audiences.pop();
    if (last !== undefined && last !== audience) {
      this.audiences[audience.indexInGroup] = last;
      last.indexInGroup = audience.indexInGroup;
    }
    this.#byKey?.delete(audience.key);
  }
}
