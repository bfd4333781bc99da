import type { ClientRequest, IncomingMessage } from 'node:http';
import { idToHex, type Timer } from '@quorate/std';
import type { Message } from '@quorate/wire';
import { openRequest, readAll, refusalOf } from '../asking/request.ts';
import { PeerError, textOf } from '../errors.ts';
import { AppendDecoder } from '../frames/append-frames.ts';
import { MessageDecoder } from '../frames/message-frames.ts';
import { headers, headerOf, identityHeaders, paths, type StreamType } from '../names.ts';
import { peerLimits, type PeerSettings } from '../options.ts';
import { isRemovalNotice } from '../removal.ts';
import type { UrlPicker } from '../outgoing/url-picker.ts';

/** What a reader tells the link that it belongs to. */
export interface StreamReaderEvents {
  onOpened(type: StreamType): void;
  onMessage(message: Message): void;
  onBytes(bytes: number): void;
  /** The stream ended, or could not be opened; the next attempt follows by itself. */
  onClosed(type: StreamType, reason: string, wasOpen: boolean): void;
  /** The other member says that this one was removed from the cluster. */
  onRemoved(): void;
}

/**
 * The receiving half of one stream: keeps a GET to the other member open and reads messages from its response.
 * When it ends it is opened anew, at another URL if the last one did not work, at most once in 100 ms.
 */
export class StreamReader {
  readonly type: StreamType;
  readonly #peerId: bigint;
  readonly #settings: PeerSettings;
  readonly #urls: UrlPicker;
  readonly #events: StreamReaderEvents;
  #request: ClientRequest | undefined;
  #retry: Timer | undefined;
  #dialledAtMs = Number.NEGATIVE_INFINITY;
  #isOpen = false;
  #isClosed = false;

  constructor(
    type: StreamType,
    peerId: bigint,
    settings: PeerSettings,
    urls: UrlPicker,
    events: StreamReaderEvents,
  ) {
    this.type = type;
    this.#peerId = peerId;
    this.#settings = settings;
    this.#urls = urls;
    this.#events = events;
  }

  /** Whether messages can come in. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Opens the stream, and again whenever it ends. */
  start(): void {
    if (this.#isClosed) return;
    const url = this.#urls.pick();
    this.#dialledAtMs = this.#settings.clock.now();
    try {
      if (url === undefined) throw new PeerError('PEER_UNREACHABLE', { reason: 'the member has no URL' });
      this.#dial(url);
    } catch (error) {
      this.#ended(textOf(error), url);
    }
  }

  /** Ends the stream for good. */
  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#request?.destroy();
    this.#isOpen = false;
  }

  #dial(url: string): void {
    const { host, dialTimeoutMs, readTimeoutMs, tls, localAddress } = this.#settings;
    const request = openRequest(
      url,
      {
        method: 'GET',
        path: `${paths.stream}${this.type}/${idToHex(host.id)}`,
        headers: { ...identityHeaders(host), [headers.to]: idToHex(this.#peerId) },
      },
      { dialTimeoutMs, timeoutMs: readTimeoutMs, tls, localAddress },
    );
    this.#request = request;
    let isOver = false;
    const end = (reason: string) => {
      if (isOver) return;
      isOver = true;
      request.destroy();
      this.#ended(reason, url);
    };
    request.on('timeout', () => end('nothing came in time'));
    request.on('error', (error) => end(error.message));
    request.on('close', () => end('closed'));
    request.on('response', (response) => {
      response.on('error', (error) => end(error.message));
      if (response.statusCode === 200) this.#read(response, end);
      else void this.#readRefusal(response).then(end);
    });
    request.end();
  }

  #read(response: IncomingMessage, end: (reason: string) => void): void {
    const { host, maxMessageBytes, readTimeoutMs } = this.#settings;
    const decoder =
      this.type === 'msgapp'
        ? new AppendDecoder({ from: this.#peerId, to: host.id, maxMessageBytes })
        : new MessageDecoder({ maxMessageBytes });
    const take = (message: Message) => this.#events.onMessage(message);
    response.setTimeout(readTimeoutMs, () => end('nothing came in time'));
    response.on('end', () => end('closed by the other side'));
    response.on('data', (chunk: Buffer) => {
      if (this.#isClosed || response.destroyed) return;
      this.#events.onBytes(chunk.length);
      try {
        decoder.push(chunk, take);
      } catch (error) {
        end(textOf(error));
      }
    });
    this.#isOpen = true;
    this.#events.onOpened(this.type);
  }

  async #readRefusal(response: IncomingMessage): Promise<string> {
    try {
      const body = await readAll(response, peerLimits.questionBytes);
      const refusal = refusalOf({ status: response.statusCode ?? 0, message: response, body });
      if (isRemovalNotice(refusal, headerOf(response, headers.clusterId), this.#settings.host)) {
        this.#events.onRemoved();
      }
      return `${response.statusCode ?? 0}: ${refusal.reason ?? ''}`;
    } catch (error) {
      return textOf(error);
    }
  }

  #ended(reason: string, url: string | undefined): void {
    const wasOpen = this.#isOpen;
    this.#isOpen = false;
    this.#request = undefined;
    if (this.#isClosed) return;
    if (!wasOpen && url !== undefined) this.#urls.failed(url);
    this.#events.onClosed(this.type, reason, wasOpen);
    const { clock } = this.#settings;
    const waitMs = this.#dialledAtMs + peerLimits.retryIntervalMs - clock.now();
    this.#retry = clock.after(Math.max(0, waitMs), () => this.start());
  }
}
