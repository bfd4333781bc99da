import type { WatchCreateRequest } from '../../history/types.ts';
import { keyInterval, type KeyInterval } from '../model/key-interval.ts';
import type { ModelChange } from '../model/store-model.ts';
import type { TruthLog } from '../truth-log.ts';

/** Which changes a watcher is to be told of. */
export class DueEvents {
  readonly #truth: TruthLog;
  readonly #interval: KeyInterval;
  readonly #noPut: boolean;
  readonly #noDelete: boolean;

  constructor(truth: TruthLog, request: WatchCreateRequest) {
    this.#truth = truth;
    // An empty key is the lowest one, as etcd has it.
    this.#interval = keyInterval(request.key === '' ? '\0' : request.key, request.rangeEnd);
    this.#noPut = request.noPut === true;
    this.#noDelete = request.noDelete === true;
  }

  /** Whether a key is watched. */
  hasKey(key: string): boolean {
    return key >= this.#interval.start && key < this.#interval.endExclusive;
  }

  /** Whether events of this type are left out. */
  isFiltered(type: 'put' | 'delete'): boolean {
    return type === 'put' ? this.#noPut : this.#noDelete;
  }

  /** The changes of a revision that the watcher is due, in order. */
  of(revision: number): readonly ModelChange[] {
    const changes = this.#truth.changesOf(revision);
    return changes.every((change) => this.#isDue(change))
      ? changes
      : changes.filter((change) => this.#isDue(change));
  }

  /** The first revision after `after`, up to `upTo`, of which the watcher is due something; undefined for none. */
  firstAfter(after: number, upTo: number): number | undefined {
    const last = Math.min(upTo, this.#truth.revision);
    for (let revision = after + 1; revision <= last; revision++) {
      if (this.#truth.changesOf(revision).some((change) => this.#isDue(change))) return revision;
    }
    return undefined;
  }

  #isDue({ kv }: ModelChange): boolean {
    return this.hasKey(kv.key) && !this.isFiltered(kv.version === 0 ? 'delete' : 'put');
  }
}
