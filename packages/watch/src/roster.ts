import { IdList } from './id-list.ts';
import type { Watcher } from './watcher.ts';

/** The members of an audience at a time. Once it is lent, whoever changes the audience makes another one. */
export class Roster {
  readonly members: Watcher[];
  /** From this revision on each of them is told of events. */
  allFrom: number;
  /** Some of them may have asked for progress notices. */
  hasNotifying: boolean;
  #ids: IdList | undefined;

  constructor(like?: Roster) {
    this.members = like === undefined ? [] : [...like.members];
    this.allFrom = like?.allFrom ?? 0;
    this.hasNotifying = like?.hasNotifying ?? false;
  }

  /** Of its members, as they are for good. */
  get ids(): IdList {
    return (this.#ids ??= new IdList(this.members.map(({ id }) => id)));
  }

  add(watcher: Watcher): void {
    const { startRevision, progressNotify } = watcher.options;
    this.members.push(watcher);
    this.allFrom = Math.max(this.allFrom, startRevision);
    this.hasNotifying ||= progressNotify;
  }
}
