import { encodeMessage, type Message } from '@quorate/wire';
import { ask, refusalOf } from '../asking/request.ts';
import { PeerError, textOf } from '../errors.ts';
import { headers, headerOf, identityHeaders, paths } from '../names.ts';
import { peerLimits, type PeerSettings } from '../options.ts';
import { isRemovalNotice } from '../removal.ts';
import { ConnectionPool } from './dialling.ts';
import type { UrlPicker } from './url-picker.ts';

/** What a pipeline tells the link that it belongs to. */
export interface PipelineEvents {
  onPosted(bytes: number): void;
  onPostFailed(reason: string): void;
  /** The other member says that this one was removed from the cluster. */
  onRemoved(): void;
}

/**
 * Messages to one member for as long as it has no stream open to us: each is posted by itself, up to four at
 * a time, so they may arrive in any order.
 *
 * Invariant: at most `pipelinePosts` are on their way and `pipelineQueueMessages` wait
 */
export class Pipeline {
  readonly #settings: PeerSettings;
  readonly #urls: UrlPicker;
  readonly #events: PipelineEvents;
  readonly #pool: ConnectionPool;
  readonly #closing = new AbortController();
  #queue: Message[] = [];
  #posting = 0;

  constructor(settings: PeerSettings, urls: UrlPicker, events: PipelineEvents) {
    this.#settings = settings;
    this.#urls = urls;
    this.#events = events;
    // Idle connections end a little before the other side gives them up, so that none dies under a request.
    const timeout = settings.readTimeoutMs * 0.8;
    this.#pool = new ConnectionPool({ maxSockets: peerLimits.pipelinePosts, timeout });
  }

  /** Takes a message; false when there is no room for it. */
  offer(message: Message): boolean {
    if (this.#closing.signal.aborted) return false;
    if (this.#posting < peerLimits.pipelinePosts) void this.#postFrom(message);
    else if (this.#queue.length < peerLimits.pipelineQueueMessages) this.#queue.push(message);
    else return false;
    return true;
  }

  /** Gives up what is on its way and what waits. */
  close(): void {
    this.#queue = [];
    this.#closing.abort(new PeerError('PEER_CLOSED'));
    this.#pool.destroy();
  }

  /** Posts a message, and then what has come to wait. */
  async #postFrom(first: Message): Promise<void> {
    this.#posting++;
    for (let next: Message | undefined = first; next !== undefined; next = this.#queue.shift()) {
      await this.#post(next);
    }
    this.#posting--;
  }

  async #post(message: Message): Promise<void> {
    const url = this.#urls.pick();
    if (url === undefined) return this.#events.onPostFailed('the member has no URL');
    const { host, dialTimeoutMs, readTimeoutMs } = this.#settings;
    try {
      const body = encodeMessage(message);
      const answer = await ask(
        url,
        {
          method: 'POST',
          path: paths.raft,
          headers: { ...identityHeaders(host), 'Content-Type': 'application/protobuf' },
          body,
        },
        {
          pool: this.#pool,
          tls: this.#settings.tls,
          localAddress: this.#settings.localAddress,
          dialTimeoutMs,
          timeoutMs: dialTimeoutMs + readTimeoutMs,
          maxBytes: peerLimits.questionBytes,
          signal: this.#closing.signal,
        },
      );
      if (answer.status === 204) return this.#events.onPosted(body.length);
      const refusal = refusalOf(answer);
      if (isRemovalNotice(refusal, headerOf(answer.message, headers.clusterId), host)) {
        return this.#events.onRemoved();
      }
      throw refusal;
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#urls.failed(url);
      this.#events.onPostFailed(textOf(error));
    }
  }
}
