import type { ServerResponse } from 'node:http';
import { raftpb, type Message } from '@quorate/wire';
import { Prober } from './asking/prober.ts';
import { StreamReader, type StreamReaderEvents } from './incoming/stream-reader.ts';
import { streamTypes, type StreamType } from './names.ts';
import type { PeerSettings } from './options.ts';
import { Pipeline } from './outgoing/pipeline.ts';
import { StreamWriter } from './outgoing/stream-writer.ts';
import { UrlPicker } from './outgoing/url-picker.ts';

/** What a link tells the transport. */
export interface PeerLinkEvents {
  onMessage(message: Message): void;
  /** Messages to the member were lost. */
  onLost(id: bigint, reason: string): void;
  /** The other member says that this one was removed from the cluster. */
  onRemoved(): void;
}

/**
 * Everything between this member and one other: two streams each way, the pipeline, the probe. A `remote` is a
 * sender that this member does not know yet; it is answered through the pipeline alone.
 */
export class PeerLink {
  readonly id: bigint;
  readonly kind: 'member' | 'remote';
  readonly urls: UrlPicker;
  readonly #settings: PeerSettings;
  readonly #events: PeerLinkEvents;
  readonly #writers: Readonly<Record<StreamType, StreamWriter>>;
  readonly #readers: Readonly<Record<StreamType, StreamReader>>;
  readonly #pipeline: Pipeline;
  readonly #prober: Prober;
  #isPipelineWorking = false;
  #activeSinceMs: number | undefined;
  #isClosed = false;

  constructor(
    peer: { readonly id: bigint; readonly peerUrls: readonly string[]; readonly kind: 'member' | 'remote' },
    settings: PeerSettings,
    events: PeerLinkEvents,
  ) {
    this.id = peer.id;
    this.kind = peer.kind;
    this.urls = new UrlPicker(peer.peerUrls);
    this.#settings = settings;
    this.#events = events;
    this.#writers = { msgapp: this.#writer('msgapp'), message: this.#writer('message') };
    this.#readers = { msgapp: this.#reader('msgapp'), message: this.#reader('message') };
    this.#pipeline = new Pipeline(settings, this.urls, {
      onPosted: (bytes) => {
        this.#isPipelineWorking = true;
        settings.observer.onSent?.({ to: this.id, bytes });
        this.#updateActivity('');
      },
      onPostFailed: (reason) => this.#postFailed(reason),
      onRemoved: () => events.onRemoved(),
    });
    this.#prober = new Prober(this.id, settings, this.urls);
  }

  start(): void {
    if (this.kind === 'remote') return;
    for (const type of streamTypes) this.#readers[type].start();
    this.#prober.start();
  }

  /** Takes over a stream that the member opened. */
  attach(type: StreamType, response: ServerResponse): void {
    this.#writers[type].attach(response);
    this.#settings.observer.onStreamOpened?.({ peer: this.id, type, direction: 'outgoing' });
    this.#updateActivity('');
  }

  /** Puts a message on the way that suits it; `flush` sends what was put on streams. */
  offer(message: Message): void {
    const writer = this.#streamFor(message);
    if (writer === undefined ? this.#pipeline.offer(message) : writer.offer(message)) return;
    this.#lost(writer === undefined ? 'the pipeline is full' : `the ${writer.type} stream is full`);
  }

  flush(): void {
    this.#writers.message.flush();
    this.#writers.msgapp.flush();
  }

  /** Messages that wait for a stream's socket. */
  queuedMessages(type: StreamType): number {
    return this.#writers[type].queuedMessages;
  }

  /** Since when messages flow both ways, on the clock's scale. */
  get activeSinceMs(): number | undefined {
    return this.#activeSinceMs;
  }

  close(reason: string): void {
    this.#isClosed = true;
    for (const type of streamTypes) {
      this.#readers[type].close();
      this.#writers[type].close(reason);
    }
    this.#pipeline.close();
    this.#prober.close();
    this.#updateActivity(reason);
  }

  #streamFor(message: Message): StreamWriter | undefined {
    const { msgapp, message: other } = this.#writers;
    if (message.type === raftpb.MessageType.MsgApp && msgapp.isUp) return msgapp;
    return other.isUp ? other : undefined;
  }

  #writer(type: StreamType): StreamWriter {
    const { observer } = this.#settings;
    return new StreamWriter(type, this.#settings, {
      onWritten: (bytes) => observer.onSent?.({ to: this.id, bytes }),
      onDetached: (_type, reason) => {
        observer.onStreamClosed?.({ peer: this.id, type, direction: 'outgoing', reason });
        if (!this.#isClosed) this.#lost(`the ${type} stream ended: ${reason}`);
        this.#updateActivity(reason);
      },
    });
  }

  #reader(type: StreamType): StreamReader {
    const { observer } = this.#settings;
    const events: StreamReaderEvents = {
      onOpened: () => {
        observer.onStreamOpened?.({ peer: this.id, type, direction: 'incoming' });
        this.#updateActivity('');
      },
      onMessage: (message) => this.#events.onMessage(message),
      onBytes: (bytes) => observer.onReceived?.({ from: this.id, bytes }),
      onClosed: (_type, reason, wasOpen) => {
        if (wasOpen) observer.onStreamClosed?.({ peer: this.id, type, direction: 'incoming', reason });
        observer.onReceiveFailure?.({ from: this.id, reason });
        this.#updateActivity(reason);
      },
      onRemoved: () => this.#events.onRemoved(),
    };
    return new StreamReader(type, this.id, this.#settings, this.urls, events);
  }

  #postFailed(reason: string): void {
    this.#isPipelineWorking = false;
    this.#lost(reason);
    this.#updateActivity(reason);
  }

  #lost(reason: string): void {
    this.#settings.observer.onSendFailure?.({ to: this.id, reason });
    this.#events.onLost(this.id, reason);
  }

  /** Heartbeats and votes must come through both ways; without a stream of ours the pipeline has to have worked. */
  #updateActivity(reason: string): void {
    const isActive =
      !this.#isClosed &&
      this.#readers.message.isOpen &&
      (this.#writers.message.isUp || this.#isPipelineWorking);
    if (isActive === (this.#activeSinceMs !== undefined)) return;
    const { clock, observer } = this.#settings;
    this.#activeSinceMs = isActive ? clock.now() : undefined;
    if (isActive) observer.onActive?.({ peer: this.id });
    else observer.onInactive?.({ peer: this.id, reason });
  }
}
