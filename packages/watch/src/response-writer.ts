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
import { fieldSize, type EventResponse, type Row } from './event-response.ts';
import type { IdList } from './id-list.ts';
import type { SharedResponses } from './shared-responses.ts';

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

/** A row that lies in the batch of this take. */
interface NewRow {
  readonly response: EventResponse;
  readonly ids: IdList;
  readonly start: number;
  readonly lastAt: number;
  readonly end: number;
}

/** What writers of a hub have in common. */
export interface WriterHost {
  /** Used from `begin` to `finish` by whoever takes. */
  readonly batch: MessageBatchWriter;
  readonly shared: SharedResponses;
  readonly counters: { responsesEncodedTotal: number };
}

/**
 * Encodes responses until the budget of a `take` is used up. Of a response in pieces the rest is kept for the
 * next take, and comes before everything else: a client joins only pieces that follow each other.
 *
 * A response to many is encoded once for each size of ID, and copied. A row of them that another stream was told, to the
 * same IDs, is handed on: as it is when it is all that the take has to say, and else as a copy.
 *
 * Bound of what is kept: the rest of one response.
 */
export class ResponseWriter {
  readonly #host: WriterHost;
  #bytesMax = 0;
  #rest: { readonly response: EventResponse; readonly watchId: bigint; sent: number } | undefined;
  /** A row of another stream that is all this take has to say so far. */
  #handedOn: MessageBatch | undefined;
  readonly #newRows: NewRow[] = [];

  constructor(host: WriterHost) {
    this.#host = host;
  }

  /** Whether pieces of a response are still to be sent. */
  get hasRest(): boolean {
    return this.#rest !== undefined;
  }

  /** Bytes that may still be written; none while pieces are left, since they use up all there is. */
  get room(): number {
    return this.#bytesMax - (this.#handedOn?.bytes.length ?? this.#host.batch.size);
  }

  /** Starts a take; at least one response fits. */
  begin(maxBytes: number): void {
    this.#bytesMax = Math.max(1, maxBytes);
    // A take that failed may have left something.
    this.#host.batch.clear();
    this.#handedOn = undefined;
    this.#newRows.length = 0;
    this.#writePieces();
  }

  /** Ends a take. */
  finish(): MessageBatch {
    const handedOn = this.#handedOn;
    if (handedOn !== undefined) {
      this.#handedOn = undefined;
      return handedOn;
    }
    const batch = this.#host.batch.take();
    for (const { response, ids, start, lastAt, end } of this.#newRows) {
      // Another one may have taken its place.
      if (!response.isShared) continue;
      response.setRow({ ids, batch: batch.part(start, end, ids.length), lastAt });
      this.#host.shared.count(response);
    }
    this.#newRows.length = 0;
    return batch;
  }

  announce(header: ResponseHeader, announcement: Announcement): void {
    this.#write({ ...blankResponse, header, ...announcement });
  }

  /** Tells watchers of events until no more than `roomLeft` is left, at least the first; returns how many. */
  sendEvents(response: EventResponse, ids: IdList, roomLeft = 0): number {
    invariant(ids.length > 0, 'events are sent to somebody');
    const { row } = response;
    if (row !== undefined && row.lastAt < this.room - roomLeft && ids.equals(row.ids)) {
      this.#handOn(row);
      return ids.length;
    }
    const first = ids.at(0);
    if (!isTooLarge(response, first)) return this.#writeRow(response, ids, roomLeft);
    this.#rest = { response, watchId: first, sent: 0 };
    this.#writePieces();
    return 1;
  }

  #handOn({ batch: row, ids }: Row): void {
    const batch = this.#openBatch();
    if (batch.size === 0) this.#handedOn = row.part(0, row.bytes.length, ids.length);
    else batch.addBatch(row);
  }

  /** What is written to: behind what was handed on. */
  #openBatch(): MessageBatchWriter {
    const { batch } = this.#host;
    const handedOn = this.#handedOn;
    if (handedOn !== undefined) {
      this.#handedOn = undefined;
      batch.addBatch(handedOn);
      handedOn.release();
    }
    return batch;
  }

  #writeRow(response: EventResponse, ids: IdList, roomLeft: number): number {
    const batch = this.#openBatch();
    const start = batch.size;
    let lastAt = start;
    let count = 0;
    while (count < ids.length) {
      const id = ids.at(count);
      // One with a longer ID may have to go in pieces.
      if (count > 0 && (this.room <= roomLeft || isTooLarge(response, id))) break;
      lastAt = batch.size;
      if (!this.#writeCopy(response, id)) this.#writeFirst(response, id, ids.length - count);
      count++;
    }
    if (response.isShared) {
      this.#newRows.push({ response, ids: ids.first(count), start, lastAt: lastAt - start, end: batch.size });
    }
    return count;
  }

  /** Encodes it, and keeps a copy for others: within one array it would take three times as long to copy. */
  #writeFirst(response: EventResponse, watchId: bigint, watchersMax: number): void {
    const { batch, counters } = this.#host;
    const at = batch.size;
    this.#writeEvents(response, { watchId, events: response.events, fragment: false });
    counters.responsesEncodedTotal++;
    if (watchersMax === 1 && !response.isShared) return;
    const size = batch.size - at;
    response.templates[watchIdSize(watchId)] = {
      bytes: batch.target.slice(at, at + size),
      idAt: messagePrefixBytes + watchIdOffset(response.header),
    };
    batch.reserve(Math.min(size * (watchersMax - 1), this.room + size));
  }

  /** Copies what was written but for the ID, if that is as long. */
  #writeCopy(response: EventResponse, watchId: bigint): boolean {
    const template = response.templates[watchIdSize(watchId)];
    if (template === undefined) return false;
    const { batch } = this.#host;
    const at = batch.addPrefixed(template.bytes);
    writeWatchId(watchId, batch.target, at + template.idAt);
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
      const end = endOfPiece(response, rest.sent, headSize);
      const fragment = end < events.length;
      this.#writeEvents(response, { watchId, events: events.slice(rest.sent, end), fragment });
      rest.sent = end;
    }
    if (rest.sent === events.length) this.#rest = undefined;
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
    const batch = this.#openBatch();
    const size = watchResponseSize(parts);
    const at = batch.add(size);
    const end = writeWatchResponse(parts, batch.target, at);
    invariant(end === at + size, 'a response is written in as many bytes as it was sized');
  }
}

/** Whether it has to go in pieces: with more than one event, and not below the limit. */
function isTooLarge(response: EventResponse, watchId: bigint): boolean {
  const { events, eventsSize, maxPieceBytes } = response;
  if (maxPieceBytes === Infinity || events.length === 1) return false;
  return sizeWithoutEvents(response, watchId, false) + eventsSize >= maxPieceBytes;
}

/** Where a piece ends that begins with an event and has `headSize` bytes beside its events. */
function endOfPiece({ events, maxPieceBytes }: EventResponse, start: number, headSize: number): number {
  let size = headSize + fieldSize(events[start]!);
  let end = start + 1;
  for (; end < events.length; end++) {
    size += fieldSize(events[end]!);
    if (size >= maxPieceBytes) break;
  }
  return end;
}

function sizeWithoutEvents({ header }: EventResponse, watchId: bigint, fragment: boolean): number {
  return watchResponseSize({ ...blankResponse, header, watchId, fragment });
}
