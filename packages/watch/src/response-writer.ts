import { invariant } from '@quorate/std';
import {
  messagePrefixBytes,
  watchIdOffset,
  watchIdSize,
  watchResponseSize,
  writeWatchId,
  writeWatchResponse,
  type MessageBatch,
  type MessageBatchWriter,
  type ResponseHeader,
  type WatchResponseParts,
} from '@quorate/wire';

/** A response that says nothing yet; the fields that matter are set over it. */
const blankResponse: Omit<WatchResponseParts, 'header' | 'watchId'> = {
  created: false,
  canceled: false,
  compactRevision: 0,
  cancelReason: '',
  fragment: false,
  events: [],
};

/** What a response without events says beside its header. */
export type Announcement = Partial<Omit<WatchResponseParts, 'header' | 'events' | 'fragment'>> &
  Pick<WatchResponseParts, 'watchId'>;

/** What watchers are told of events, but for their IDs. It may be sent in pieces. */
export interface EventResponse {
  readonly header: ResponseHeader;
  readonly events: readonly Uint8Array[];
  /** Whether those who get it take a large response in pieces. */
  readonly fragment: boolean;
  /** How many watchers may get it. */
  readonly watchersMax: number;
}

/** A response that was written, from which the same for another watcher is made. */
interface Written {
  readonly response: EventResponse;
  /** Where it begins with its prefix, and how long it is with that. */
  readonly at: number;
  readonly size: number;
  /** Where its ID stands in that, and how long it is. */
  readonly idAt: number;
  readonly idSize: number;
  /** Once it has been used: a copy of it, since to copy within an array takes three times as long. */
  bytes: Uint8Array | undefined;
}

/**
 * Encodes responses until the budget of a `take` is used up. Of a response in pieces the rest is kept for the
 * next take, and comes before everything else: a client joins only pieces that follow each other.
 *
 * Bound of what is kept: the rest of one response.
 */
export class ResponseWriter {
  readonly #maxFragmentBytes: number;
  readonly #batch: MessageBatchWriter;
  #bytesMax = 0;
  #rest: { readonly response: EventResponse; readonly watchId: bigint; sent: number } | undefined;
  #last: Written | undefined;

  /** `batch` is used from `begin` to `finish`; all streams of a hub may share one. */
  constructor(maxFragmentBytes: number, batch: MessageBatchWriter) {
    this.#maxFragmentBytes = maxFragmentBytes;
    this.#batch = batch;
  }

  /** Whether pieces of a response are still to be sent. */
  get hasRest(): boolean {
    return this.#rest !== undefined;
  }

  /** Bytes that may still be written; none while pieces are left, since they use up all there is. */
  get room(): number {
    return this.#bytesMax - this.#batch.size;
  }

  /** Starts a take; at least one response fits. */
  begin(maxBytes: number): void {
    this.#bytesMax = Math.max(1, maxBytes);
    // A take that failed may have left something.
    this.#batch.clear();
    this.#last = undefined;
    this.#writePieces();
  }

  /** Ends a take. */
  finish(): MessageBatch {
    this.#last = undefined;
    return this.#batch.take();
  }

  announce(header: ResponseHeader, announcement: Announcement): void {
    this.#write({ ...blankResponse, header, ...announcement });
  }

  /** Sends events to a watcher. Whoever has several for the same response gives it to each of them in a row. */
  sendEvents(response: EventResponse, watchId: bigint): void {
    if (this.#last?.response === response && this.#writeAgain(this.#last, watchId)) return;
    if (response.fragment && response.events.length > 1 && this.#isTooLarge(response, watchId)) {
      this.#rest = { response, watchId, sent: 0 };
      this.#writePieces();
    } else this.#writeWhole(response, watchId);
  }

  #writeWhole(response: EventResponse, watchId: bigint): void {
    const at = this.#batch.size;
    this.#writeEvents(response, { watchId, events: response.events, fragment: false });
    const size = this.#batch.size - at;
    const idAt = messagePrefixBytes + watchIdOffset(response.header);
    this.#last = { response, at, size, idAt, idSize: watchIdSize(watchId), bytes: undefined };
    this.#batch.reserve(Math.min(size * (response.watchersMax - 1), this.room + size));
  }

  /** Copies what was written but for the ID, if that is as long. */
  #writeAgain(last: Written, watchId: bigint): boolean {
    if (watchIdSize(watchId) !== last.idSize) return false;
    const batch = this.#batch;
    last.bytes ??= batch.target.slice(last.at, last.at + last.size);
    const at = batch.addPrefixed(last.bytes);
    writeWatchId(watchId, batch.target, at + last.idAt);
    return true;
  }

  /** Writes pieces of the response that is on its way, each below the limit or a single event. */
  #writePieces(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    const { response, watchId } = rest;
    const { events } = response;
    const headSize = sizeWithoutEvents(response, watchId, true);
    while (rest.sent < events.length && this.room > 0) {
      const end = this.#endOfPiece(events, rest.sent, headSize);
      const fragment = end < events.length;
      this.#writeEvents(response, { watchId, events: events.slice(rest.sent, end), fragment });
      rest.sent = end;
    }
    if (rest.sent === events.length) this.#rest = undefined;
  }

  #endOfPiece(events: readonly Uint8Array[], start: number, headSize: number): number {
    let size = headSize + fieldSize(events[start]!);
    let end = start + 1;
    for (; end < events.length; end++) {
      size += fieldSize(events[end]!);
      if (size >= this.#maxFragmentBytes) break;
    }
    return end;
  }

  #isTooLarge(response: EventResponse, watchId: bigint): boolean {
    let size = sizeWithoutEvents(response, watchId, false);
    for (const event of response.events) size += fieldSize(event);
    return size >= this.#maxFragmentBytes;
  }

  #writeEvents(
    { header }: EventResponse,
    { watchId, events, fragment }: Pick<WatchResponseParts, 'watchId' | 'events' | 'fragment'>,
  ): void {
    this.#write({
      header,
      watchId,
      created: false,
      canceled: false,
      compactRevision: 0,
      cancelReason: '',
      fragment,
      events,
    });
  }

  #write(parts: WatchResponseParts): void {
    const size = watchResponseSize(parts);
    const at = this.#batch.add(size);
    const end = writeWatchResponse(parts, this.#batch.target, at);
    invariant(end === at + size, 'a response is written in as many bytes as it was sized');
  }
}

function sizeWithoutEvents({ header }: EventResponse, watchId: bigint, fragment: boolean): number {
  return watchResponseSize({ ...blankResponse, header, watchId, fragment });
}

/** Size of an event as a field of a response: a tag byte, its length, itself. */
function fieldSize(event: Uint8Array): number {
  let size = 2 + event.length;
  for (let rest = event.length; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
