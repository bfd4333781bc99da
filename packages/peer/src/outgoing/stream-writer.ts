import type { ServerResponse } from 'node:http';
import type { Timer } from '@quorate/std';
import type { Message } from '@quorate/wire';
import { AppendEncoder } from '../frames/append-frames.ts';
import { MessageEncoder } from '../frames/message-frames.ts';
import type { StreamType } from '../names.ts';
import { peerLimits, type PeerSettings } from '../options.ts';

/** What a writer tells the link that it belongs to. */
export interface StreamWriterEvents {
  onWritten(bytes: number): void;
  /** A stream ended with whatever was on its way. */
  onDetached(type: StreamType, reason: string): void;
}

/** One connection that the other member opened, to be written to. */
interface Attachment {
  readonly response: ServerResponse;
  readonly encoder: AppendEncoder | MessageEncoder;
  /** The socket has enough; wait until it has passed that on. */
  isFull: boolean;
}

/**
 * The sending half of one stream: messages go into the response to a GET of the other member. While its socket
 * takes no more they wait here, so that a slow reader of one stream holds up neither the other stream nor us.
 *
 * Invariant: nothing waits without a stream, and at most `streamQueueMessages` do with one
 */
export class StreamWriter {
  readonly type: StreamType;
  readonly #settings: PeerSettings;
  readonly #events: StreamWriterEvents;
  #attachment: Attachment | undefined;
  #heartbeat: Timer | undefined;
  #queue: Message[] = [];

  constructor(type: StreamType, settings: PeerSettings, events: StreamWriterEvents) {
    this.type = type;
    this.#settings = settings;
    this.#events = events;
  }

  /** Whether there is a stream to write to. */
  get isUp(): boolean {
    return this.#attachment !== undefined;
  }

  /** Messages that wait for the socket. */
  get queuedMessages(): number {
    return this.#queue.length;
  }

  /** Takes over a response, which is 200 and flushed. A stream that was there before ends. */
  attach(response: ServerResponse): void {
    this.#detach('replaced by a newer stream');
    const encoder = this.type === 'msgapp' ? new AppendEncoder() : new MessageEncoder();
    const attachment: Attachment = { response, encoder, isFull: false };
    this.#attachment = attachment;
    const lost = (reason: string) => {
      if (this.#attachment === attachment) this.#detach(reason);
    };
    response.on('error', (error) => lost(error.message));
    response.on('close', () => lost('closed by the other side'));
    response.on('drain', () => {
      attachment.isFull = false;
      if (this.#attachment === attachment) this.flush();
    });
    // Goes off when the socket neither takes nor brings anything; link heartbeats see to it that it is never idle.
    response.setTimeout(this.#settings.writeTimeoutMs, () => lost('the other side takes nothing'));
    this.#scheduleHeartbeat(attachment);
  }

  /** Puts a message in the queue, which `flush` sends. False when there is no stream or no room. */
  offer(message: Message): boolean {
    if (this.#attachment === undefined || this.#queue.length >= peerLimits.streamQueueMessages) return false;
    this.#queue.push(message);
    return true;
  }

  /** Writes what waits, as much as the socket takes. */
  flush(): void {
    const attachment = this.#attachment;
    if (attachment === undefined || this.#queue.length === 0) return;
    const queue = this.#queue;
    let start = 0;
    while (start < queue.length && !attachment.isFull && this.#attachment === attachment) {
      const end = batchEnd(queue, start, attachment.encoder);
      this.#write(attachment, attachment.encoder.encode(queue, start, end));
      start = end;
    }
    if (this.#queue === queue) this.#queue = start === queue.length ? [] : queue.slice(start);
  }

  /** Ends the stream; what waits is lost. */
  close(reason: string): void {
    this.#detach(reason);
  }

  #write({ response }: Attachment, frames: Uint8Array): void {
    const takesMore = response.write(frames);
    if (!takesMore && this.#attachment?.response === response) this.#attachment.isFull = true;
    this.#events.onWritten(frames.length);
  }

  #scheduleHeartbeat(attachment: Attachment): void {
    this.#heartbeat = this.#settings.clock.after(this.#settings.readTimeoutMs / 3, () => {
      // A full socket is no idle one.
      if (!attachment.isFull)
        attachment.isFull = !attachment.response.write(attachment.encoder.linkHeartbeat);
      if (this.#attachment === attachment) this.#scheduleHeartbeat(attachment);
    });
  }

  #detach(reason: string): void {
    const attachment = this.#attachment;
    if (attachment === undefined) return;
    this.#attachment = undefined;
    this.#heartbeat?.cancel();
    this.#queue = [];
    attachment.response.destroy();
    this.#events.onDetached(this.type, reason);
  }
}

/** Where to cut the queue, so that one write stays about as large as `writeBytes`. */
function batchEnd(queue: readonly Message[], start: number, encoder: AppendEncoder | MessageEncoder): number {
  let bytes = 0;
  for (let end = start; end < queue.length; end++) {
    bytes += encoder.sizeMax(queue[end]!);
    if (bytes > peerLimits.writeBytes) return Math.max(end, start + 1);
  }
  return queue.length;
}
