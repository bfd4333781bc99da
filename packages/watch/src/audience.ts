import { invariant } from '@quorate/std';
import type { EventSubset } from './live-queue.ts';
import { Roster } from './roster.ts';
import type { WatchStream } from './stream.ts';
import type { Watcher, WatcherOptions } from './watcher.ts';

/**
 * The synced watchers of one stream and one range who want the same of its events: what they get differs in the ID only.
 * They are queued for together, so that a revision costs a stream one entry however many of its watchers it concerns.
 */
export class Audience {
  /** See `audienceKeyOf`. */
  readonly key: number;
  /** What it wants of its range: the same number for audiences of other streams that want the same. */
  readonly wish: number;
  readonly stream: WatchStream;
  /** Those of each of them, as far as events are concerned. */
  readonly options: Pick<WatcherOptions, 'noPut' | 'noDelete' | 'prevKv' | 'fragment'>;
  /** Its place in its group. */
  indexInGroup = 0;
  #roster = new Roster();
  #isLent = false;

  constructor(key: number, { stream, options }: Watcher) {
    this.key = key;
    this.wish = wishOf(options);
    this.stream = stream;
    this.options = options;
  }

  get size(): number {
    return this.#roster.members.length;
  }

  /** Its members as they are now, for as long as anybody likes: when they change, it goes on with a copy. */
  lend(): Roster {
    this.#isLent = true;
    return this.#roster;
  }

  /** Whether its members are still those that it lent: then all of them are synced. */
  isStill(roster: Roster): boolean {
    return this.#roster === roster;
  }

  add(watcher: Watcher): void {
    this.#own();
    watcher.audience = this;
    watcher.indexInAudience = this.size;
    this.#roster.add(watcher);
  }

  /** Takes a member out; the last one moves to its place. */
  remove(watcher: Watcher): void {
    invariant(watcher.audience === this, 'a watcher leaves the audience that it is in');
    this.#own();
    const { members } = this.#roster;
    const last = members.pop();
    if (last !== undefined && last !== watcher) {
      members[watcher.indexInAudience] = last;
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
    this.#roster = new Roster(this.#roster);
  }
}

/** The same for watchers of one audience, and for nobody else of their range. */
export function audienceKeyOf({ stream, options }: Watcher): number {
  return stream.number * wishes + wishOf(options);
}

/** How many there are. */
const wishes = 16;

function wishOf({ noPut, noDelete, prevKv, fragment }: Audience['options']): number {
  return (noPut ? 1 : 0) | (noDelete ? 2 : 0) | (prevKv ? 4 : 0) | (fragment ? 8 : 0);
}
