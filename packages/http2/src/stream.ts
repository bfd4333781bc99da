import type { ByteSource } from '@quorate/std';
import type { OutgoingField, PreparedHeader } from './hpack/encoder.ts';
import type { Sender } from './sender.ts';

/** A header to send. */
export type OutgoingHeader = PreparedHeader | readonly OutgoingField[];

/** Data to send. Nobody may change them until they are sent; a source is read when they are. */
export type OutgoingData = Uint8Array | ByteSource;

/** What of a stream is still to be sent, behind what has been. */
export interface Pending {
  readonly parts: OutgoingData[];
  /** Of the first part: how much of it is sent. */
  at: number;
  bytes: number;
  /** Behind them: the last header, or nothing but the end. */
  end: 'none' | 'bare' | OutgoingHeader;
}

/**
 * One request and its answer. Whoever serves it keeps what he knows of it in `context`.
 *
 * Invariant: a stream is in its connection's table until both sides are done or it was reset.
 */
export class Http2Stream<C> {
  readonly id: number;
  context: C | undefined = undefined;
  /** The client has sent all, the server has; or it was broken off. */
  isRemoteDone: boolean;
  isLocalDone = false;
  isClosed = false;
  hasSentHeader = false;
  /** Bytes that may still be sent, and that the client may still send (RFC 9113 §6.9); the first may be below zero. */
  sendWindow: number;
  receiveWindow: number;
  /** Bytes that came and that nobody has asked more for. */
  unacknowledged = 0;
  /** What the client said its data would be, and what came of it; -1 when it said nothing. */
  contentLength = -1;
  contentBytes = 0;
  pending: Pending | undefined = undefined;
  readonly #sender: Sender<C>;

  constructor(
    sender: Sender<C>,
    made: Pick<Http2Stream<C>, 'id' | 'isRemoteDone' | 'sendWindow' | 'receiveWindow'>,
  ) {
    this.#sender = sender;
    this.id = made.id;
    this.isRemoteDone = made.isRemoteDone;
    this.sendWindow = made.sendWindow;
    this.receiveWindow = made.receiveWindow;
  }

  /** Bytes of data that wait for the client's window. */
  get pendingBytes(): number {
    return this.pending?.bytes ?? 0;
  }

  /** Sends a header; the last thing of the stream when `isEnd`. Nothing happens on a stream that is over. */
  sendHeader(header: OutgoingHeader, { isEnd }: { readonly isEnd: boolean }): void {
    if (!this.isLocalDone) this.#sender.header(this, header, isEnd);
  }

  /**
   * Sends data as the windows allow it. Pieces of at most 64 bytes are copied; of larger ones nobody may change the bytes
   * until they are sent. Pieces of at most 4 KiB are copied as they are sent: when `pendingBytes` is 0 afterwards, those are
   * the caller's again.
   */
  sendData(parts: readonly OutgoingData[], { isEnd }: { readonly isEnd: boolean }): void {
    if (!this.isLocalDone) this.#sender.data(this, parts, isEnd ? 'bare' : 'none');
  }

  /** Header, data and last header of an answer, all of which is there; the bytes as with `sendData`. */
  answer(header: PreparedHeader, parts: readonly OutgoingData[], trailer: OutgoingHeader): void {
    if (this.isLocalDone) return;
    this.#sender.header(this, header, false);
    this.#sender.data(this, parts, trailer);
  }

  /** Sends the last header behind all data. */
  sendTrailer(trailer: OutgoingHeader): void {
    if (!this.isLocalDone) this.#sender.data(this, [], trailer);
  }

  /** Lets the client send that many bytes more: they have been taken. */
  acknowledge(bytes: number): void {
    this.#sender.acknowledge(this, bytes);
  }

  /** Breaks the stream off. */
  reset(code: number): void {
    if (!this.isClosed) this.#sender.reset(this, code);
  }
}
