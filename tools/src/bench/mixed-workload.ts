import { invariant } from '@quorate/std';
import { singleKeys, valueOf, valueSize } from './dataset.ts';
import { checkGet, getRequests, getStride, putPath, putRequests, rangePath } from './kv-requests.ts';
import { revisionOf } from './reply-fields.ts';
import type { UnaryWorkload } from './unary-workloads.ts';
import { WriteRevisions } from './write-revisions.ts';

/** One request in so many is a put. */
const period = 10;

/** What a slot has asked last. */
interface Asked {
  readonly isPut: boolean;
  /** Number of the key. */
  readonly key: number;
  /** The newest revision that had been answered when it asked: a linearizable get sees at least that. */
  readonly floor: number;
}

/** Nine linearizable gets to one put, all of the same keys. */
export class MixedWorkload implements UnaryWorkload {
  readonly path = rangePath;
  readonly #puts = putRequests();
  readonly #gets = getRequests({ serializable: false });
  readonly #asked: Asked[] = [];
  readonly #revisions = new WriteRevisions();
  #count = 0;
  #newest = 0;

  next(slot: number): Uint8Array {
    const isPut = this.#count % period === 0;
    const key = (this.#count++ * getStride) % singleKeys;
    this.#asked[slot] = { isPut, key, floor: this.#newest };
    return (isPut ? this.#puts : this.#gets)[key]!;
  }

  pathOf(slot: number): string {
    return this.#asked[slot]!.isPut ? putPath : rangePath;
  }

  check(slot: number, reply: Uint8Array): void {
    const { isPut, key, floor } = this.#asked[slot]!;
    const revision = isPut ? revisionOf(reply) : checkGet(reply, valueOf(key, valueSize));
    invariant(revision >= floor, 'nothing is older than what had been answered when it was asked for');
    if (isPut) this.#revisions.add(revision);
    this.#newest = Math.max(this.#newest, revision);
  }

  finish(): void {
    this.#revisions.check();
  }
}
