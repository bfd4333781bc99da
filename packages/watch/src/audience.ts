import { invariant } from '@quorate/std';
import type { EventSubset } from './live-queue.ts';
import type { WatchStream } from './stream.ts';
import type { Watcher, WatcherOptions } from './watcher.ts';

/**
 * The synced watchers of one stream and one range who want the same of its events: what they get differs in the ID only.
 * They are queued for together, so that a revision costs a stream one entry however many of its watchers it concerns.
 */
export class Audience {
  /** See `audienceKeyOf`. */
  readonly key: number;
  readonly stream: WatchStream;
  /** Those of each of them, as far as events are concerned. */
  readonly options: Pick<WatcherOptions, 'noPut' | 'noDelete' | 'prevKv' | 'fragment'>;
  /** Its place in its group. */
  indexInGroup = 0;
  #members: Watcher[] = [];
  #isLent = false;

  constructor(key: number, { stream, options }: Watcher) {
    this.key = key;
    this.stream = stream;
    this.options = options;
  }

  get size(): number {
    return this.#members.length;
  }

  /** Its members as they are now, for as long as anybody likes: when they change, it goes on with a copy. */
  lend(): readonly Watcher[] {
    this.#isLent = true;
    return this.#members;
  }

  add(watcher: Watcher): void {
    this.#own();
    watcher.audience = this;
    watcher.indexInAudience = this.#members.length;
    this.#members.push(watcher);
  }

  /** Takes a member out; the last one moves to its place. */
  remove(watcher: Watcher): void {
    invariant(watcher.audience === this, 'a watcher leaves the audience that it is in');
    this.#own();
    const last = this.#members.pop();
    if (last !== undefined && last !== watcher) {
      this.#members[watcher.indexInAudience] = last;
      last.indexInAudience = watcher.indexInAudience;
    }
    watcher.audience = undefined;
  }

  /** Whether its filters leave nothing of this subset. */
  filtersAll(subset: EventSubset): boolean {
    const { noPut, noDelete } = this.options;
    return (noPut || subset.puts === 0) && (noDelete || subset.deletes === 0);
  }

  #own(): void {
    if (!this.#isLent) return;
    this.#isLent = false;
    this.#members = [...this.#members];
  }
}

/** The same for watchers of one audience, and for nobody else of their range. */
export function audienceKeyOf({ stream, options }: Watcher): number {
  const { noPut, noDelete, prevKv, fragment } = options;
  const wish = (noPut ? 1 : 0) | (noDelete ? 2 : 0) | (prevKv ? 4 : 0) | (fragment ? 8 : 0);
  return stream.number * 16 + wish;
}
