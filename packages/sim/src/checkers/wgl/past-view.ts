import { unreachable } from '@quorate/std';
import type { KeyValue } from '../../history/types.ts';
import { keyInterval } from '../model/key-interval.ts';
import type { ModelState, Selection, SelectOptions } from '../model/model-state.ts';

/** A model as it was at an earlier revision: what a member that lags may answer reads from. Reads only. */
export class PastView implements ModelState {
  readonly compactedRevision = -1;
  readonly revision: number;
  readonly #base: ModelState;

  constructor(base: ModelState, revision: number) {
    this.#base = base;
    this.revision = revision;
  }

  latest(key: string): KeyValue | undefined {
    const interval = keyInterval(key, undefined);
    return this.#base.select({ interval, revision: this.revision, limit: 0 }).kvs[0];
  }

  select(options: SelectOptions): Selection {
    return this.#base.select({
      ...options,
      revision: options.revision === 0 ? this.revision : options.revision,
    });
  }

  hasLease(): boolean {
    return false;
  }

  keysOfLease(): readonly string[] {
    return [];
  }

  put(): never {
    return this.#refuse();
  }

  delete(): never {
    return this.#refuse();
  }

  commit(): void {}

  compact(): never {
    return this.#refuse();
  }

  grant(): never {
    return this.#refuse();
  }

  dropLease(): never {
    return this.#refuse();
  }

  #refuse(): never {
    return unreachable('a view of the past is read only' as never);
  }
}
