import { invariant, keyRange } from '@quorate/std';
import type { RangeRequest, RangeResponseParts } from '@quorate/wire';
import { keyOf } from '../key-value-bytes.ts';
import type { KeyRange, RangeResult, ReadView } from '../types.ts';
import { keyAfter } from './bounds.ts';
import { withoutValue } from './encoded-key-value.ts';
import { revisionHeader } from './revision-header.ts';

const firstChunkLimit = 10;
/** A chunk ends early where its values have to be got from rows (see `RangeOptions`). */
const chunkWorkMax = 8_000;

/**
 * A RangeStream: the answer to a Range in chunks, each read from a view of its own, all at the revision that
 * the first one fixes. Between two chunks the store may change; when a compaction passes the fixed revision
 * the next chunk fails.
 *
 * Chunks start with 10 keys and adapt to `maxRequestBytes`. Only the last one has header (revision only, to be
 * completed), `more` and `count`. Whoever joins the chunks has the answer of the Range.
 */
export class RangeStreamer {
  readonly #request: RangeRequest;
  readonly #maxRequestBytes: number;
  #range: KeyRange;
  #chunkLimit = firstChunkLimit;
  #sent = 0;
  #fixed: FixedAnswer | undefined;
  #done = false;

  /** A stream for a request that `validateRangeStream` accepts. */
  constructor(request: RangeRequest, { maxRequestBytes }: { readonly maxRequestBytes: number }) {
    this.#request = request;
    this.#maxRequestBytes = maxRequestBytes;
    this.#range = keyRange(request.key, request.rangeEnd);
  }

  /**
   * The next chunk; undefined behind the last one. Its `kvs` are the view's own bytes.
   *
   * @throws CompactedError, FutureRevisionError as `ReadView.range` does
   */
  next(view: ReadView): RangeResponseParts | undefined {
    if (this.#done) return undefined;
    if (this.#request.countOnly) return this.#countOnly(view);
    const limit = Math.min(this.#chunkLimit, this.#remainingLimit());
    const revision = this.#fixed?.readRevision ?? this.#request.revision;
    const found =
      this.#fixed === undefined
        ? view.range(this.#range, { revision, limit })
        : view.range(this.#range, { revision, limit, countsOnlyPage: true, workMax: chunkWorkMax });
    const fixed = (this.#fixed ??= fixAnswer(view, this.#request, found));
    const kvs = this.#request.keysOnly ? found.kvs.map(withoutValue) : found.kvs;
    this.#sent += kvs.length;
    this.#done = this.#sent === fixed.count || this.#remainingLimit() === 0;
    if (!this.#done && kvs.length === 0 && found.next !== undefined) {
      // Nothing but keys that were not there then.
      this.#range = { ...this.#range, start: found.next };
      return this.next(view);
    }
    invariant(this.#done || kvs.length > 0, 'a chunk that is not the last one has keys');
    if (this.#done) return lastChunk(fixed, kvs, { more: this.#sent < fixed.count });
    this.#advance(kvs, limit);
    return { header: undefined, kvs, more: false, count: 0 };
  }

  #countOnly(view: ReadView): RangeResponseParts {
    const found = view.range(this.#range, { revision: this.#request.revision, countOnly: true });
    this.#done = true;
    return lastChunk(fixAnswer(view, this.#request, found), [], { more: false });
  }

  #remainingLimit(): number {
    return this.#request.limit > 0 ? this.#request.limit - this.#sent : Number.MAX_SAFE_INTEGER;
  }

  #advance(kvs: readonly Uint8Array[], limit: number): void {
    // There is one, see the invariant of `next`.
    this.#range = { ...this.#range, start: keyAfter(keyOf(kvs.at(-1)!, 0)) };
    const size = encodedSize(kvs);
    if (size < this.#maxRequestBytes / 2) this.#chunkLimit = limit * 2;
    else if (size > this.#maxRequestBytes * 2) this.#chunkLimit = Math.max(1, Math.floor(limit / 2));
  }
}

/** What all chunks agree on. */
interface FixedAnswer {
  /** The store's revision when the stream began: what the header says. */
  readonly storeRevision: number;
  /** The revision that is read. */
  readonly readRevision: number;
  /** Keys in the range at that revision. */
  readonly count: number;
}

function fixAnswer(view: ReadView, request: RangeRequest, found: RangeResult): FixedAnswer {
  return {
    storeRevision: view.currentRevision,
    readRevision: request.revision > 0 ? request.revision : view.currentRevision,
    count: found.count,
  };
}

function lastChunk(
  fixed: FixedAnswer,
  kvs: readonly Uint8Array[],
  { more }: { readonly more: boolean },
): RangeResponseParts {
  return { header: revisionHeader(fixed.storeRevision), kvs, more, count: fixed.count };
}

/** Size of the key-values in a message, within a few bytes: tag, length, content. */
function encodedSize(kvs: readonly Uint8Array[]): number {
  let size = 0;
  for (const kv of kvs) size += kv.length + (kv.length < 0x80 ? 2 : kv.length < 0x4000 ? 3 : 4);
  return size;
}
