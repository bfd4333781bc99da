import type { ResponseHeader, SharedBatch } from '@quorate/wire';
import type { IdList } from './id-list.ts';

/** A response as it was written to one watcher, behind its prefix; in a copy for another one the ID is written over. */
export interface Template {
  readonly bytes: Uint8Array;
  /** Where the ID stands. */
  readonly idAt: number;
}

/** A response as it was written to several watchers of a stream, one behind the other. */
export interface Row {
  readonly ids: IdList;
  readonly batch: SharedBatch;
  /** Where the last of them begins. */
  readonly lastAt: number;
}

/** What watchers are told of events, but for their IDs. It may be sent in pieces. */
export class EventResponse {
  readonly header: ResponseHeader;
  readonly events: readonly Uint8Array[];
  /** Those who get it take it in pieces below that size; Infinity when they want it whole. */
  readonly maxPieceBytes: number;
  /** By the size of the ID that they have. */
  readonly templates: (Template | undefined)[] = [];
  /** What was written last. Watchers of other streams often have the same IDs, since clients let the server count. */
  row: Row | undefined;
  /** Further streams will be told the same: what is made for one of them is kept for the others. */
  isShared = false;
  /** What it counts for among those that are kept. */
  countedBytes = 0;
  #eventsSize: number | undefined;

  constructor(made: Pick<EventResponse, 'header' | 'events' | 'maxPieceBytes'>) {
    this.header = made.header;
    this.events = made.events;
    this.maxPieceBytes = made.maxPieceBytes;
  }

  /** Memory that it keeps beside its events: all of it in which the row lies. */
  get bytes(): number {
    let bytes = this.row?.batch.bytes.buffer.byteLength ?? 0;
    for (const template of this.templates) bytes += template?.bytes.length ?? 0;
    return bytes;
  }

  /** How many bytes its events are in it. */
  get eventsSize(): number {
    if (this.#eventsSize === undefined) {
      let size = 0;
      for (const event of this.events) size += fieldSize(event);
      this.#eventsSize = size;
    }
    return this.#eventsSize;
  }

  /** Takes the place of the row before; the memory of that may be used again. */
  setRow(row: Row | undefined): void {
    this.row?.batch.release();
    this.row = row;
  }

  /** Whether it says the same, of the same events, in pieces of the same size. */
  isLike({ header, maxPieceBytes }: Pick<EventResponse, 'header' | 'maxPieceBytes'>): boolean {
    const mine = this.header;
    return (
      mine.revision === header.revision &&
      mine.raftTerm === header.raftTerm &&
      mine.memberId === header.memberId &&
      mine.clusterId === header.clusterId &&
      this.maxPieceBytes === maxPieceBytes
    );
  }
}

/** Size of an event as a field of a response: a tag byte, its length, itself. */
export function fieldSize(event: Uint8Array): number {
  let size = 2 + event.length;
  for (let rest = event.length; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}
