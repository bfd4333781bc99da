import { encodeWatchResponse, type ResponseHeader, type WatchResponseParts } from '@quorate/wire';

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

/** The events of one response, which may be sent in pieces. */
export interface EventResponse {
  readonly header: ResponseHeader;
  readonly watchId: bigint;
  readonly events: readonly Uint8Array[];
  /** Whether the watcher takes a large response in pieces. */
  readonly fragment: boolean;
}

/**
 * Encodes responses until the budget of a `take` is used up. Of a response in pieces the rest is kept for the
 * next take, and comes before everything else: a client joins only pieces that follow each other.
 *
 * Bound of what is kept: the rest of one response.
 */
export class ResponseWriter {
  readonly #maxFragmentBytes: number;
  #responses: Uint8Array[] = [];
  #bytes = 0;
  #bytesMax = 0;
  #rest: { readonly response: EventResponse; sent: number } | undefined;

  constructor(maxFragmentBytes: number) {
    this.#maxFragmentBytes = maxFragmentBytes;
  }

  /** Whether pieces of a response are still to be sent. */
  get hasRest(): boolean {
    return this.#rest !== undefined;
  }

  /** Bytes that may still be written; none while pieces are left, since they use up all there is. */
  get room(): number {
    return this.#bytesMax - this.#bytes;
  }

  /** Starts a take; at least one response fits. */
  begin(maxBytes: number): void {
    this.#responses = [];
    this.#bytes = 0;
    this.#bytesMax = Math.max(1, maxBytes);
    this.#writePieces();
  }

  /** Ends a take. */
  finish(): Uint8Array[] {
    const responses = this.#responses;
    this.#responses = [];
    return responses;
  }

  announce(header: ResponseHeader, announcement: Announcement): void {
    this.#write({ ...blankResponse, header, ...announcement });
  }

  sendEvents(response: EventResponse): void {
    if (response.fragment && response.events.length > 1 && this.#isTooLarge(response)) {
      this.#rest = { response, sent: 0 };
      this.#writePieces();
    } else {
      this.#writeEvents(response, response.events, false);
    }
  }

  /** Writes pieces of the response that is on its way, each below the limit or a single event. */
  #writePieces(): void {
    const rest = this.#rest;
    if (rest === undefined) return;
    const { response } = rest;
    const headSize = sizeWithoutEvents(response, true);
    while (rest.sent < response.events.length && this.#bytes < this.#bytesMax) {
      const end = this.#endOfPiece(response.events, rest.sent, headSize);
      this.#writeEvents(response, response.events.slice(rest.sent, end), end < response.events.length);
      rest.sent = end;
    }
    if (rest.sent === response.events.length) this.#rest = undefined;
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

  #isTooLarge(response: EventResponse): boolean {
    let size = sizeWithoutEvents(response, false);
    for (const event of response.events) size += fieldSize(event);
    return size >= this.#maxFragmentBytes;
  }

  #writeEvents(response: EventResponse, events: readonly Uint8Array[], fragment: boolean): void {
    const { header, watchId } = response;
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
    const bytes = encodeWatchResponse(parts);
    this.#responses.push(bytes);
    this.#bytes += bytes.length;
  }
}

function sizeWithoutEvents({ header, watchId }: EventResponse, fragment: boolean): number {
  return encodeWatchResponse({ ...blankResponse, header, watchId, fragment }).length;
}

/** Size of an event as a field of a response: a tag byte, its length, itself. */
function fieldSize(event: Uint8Array): number {
  let size = 2 + event.length;
  for (let rest = event.length; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
