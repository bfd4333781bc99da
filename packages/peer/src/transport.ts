import type { IncomingMessage, ServerResponse } from 'node:http';
import { invariant } from '@quorate/std';
import { raftpb, type Message } from '@quorate/wire';
import { admit, type Admission } from './admission.ts';
import {
  askDowngradeEnabled,
  askHashKv,
  askPromotion,
  askRenewal,
  askTimeToLive,
  askVersions,
  type Asking,
} from './asking/questions.ts';
import { PeerError } from './errors.ts';
import type { StreamType } from './names.ts';
import { peerLimits, peerSettings, type PeerSettings, type PeerTransportOptions } from './options.ts';
import { ConnectionPool } from './outgoing/dialling.ts';
import { postSnapshot } from './outgoing/snapshot-sender.ts';
import { PeerLink, type PeerLinkEvents } from './peer-link.ts';
import { PeerSurface } from './surface/surface.ts';
import type { PeerAddress, PeerHashKv, PeerLease, PeerMember, PeerNetwork, PeerVersions } from './types.ts';

const { MessageType } = raftpb;

interface SignalOption {
  readonly signal?: AbortSignal;
}

/** Connects a member with the others of its cluster: etcd's rafthttp over node:http. */
export class PeerTransport implements PeerNetwork, AsyncDisposable {
  readonly #settings: PeerSettings;
  readonly #links = new Map<bigint, PeerLink>();
  readonly #surface: PeerSurface;
  readonly #pool = new ConnectionPool({ maxFreeSockets: 4, timeout: 4_000 });
  readonly #closing = new AbortController();
  readonly #transfers = new Set<Promise<void>>();
  readonly #unreachable = new Set<bigint>();
  readonly #linkEvents: PeerLinkEvents;
  #isRemovalTold = false;

  constructor(options: PeerTransportOptions) {
    this.#settings = peerSettings(options);
    this.#linkEvents = {
      onMessage: (message) => this.#receiveFromStream(message),
      onLost: (id) => this.#reportUnreachable(id),
      onRemoved: () => this.#tellRemoval(),
    };
    this.#surface = new PeerSurface(this.#settings, {
      attach: (id, type, response) => this.#attach(id, type, response),
      receive: (message) => this.#receive(message),
      addRemote: (peer) => this.#addRemote(peer),
    });
  }

  /** Answers a request to the peer port. Never throws and never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): void {
    if (this.#closing.signal.aborted) {
      response.writeHead(503, { Connection: 'close' }).end();
      return;
    }
    this.#surface.handle(request, response);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    if (this.#closing.signal.aborted) return;
    const wanted = new Set<bigint>();
    for (const peer of peers) {
      if (peer.id === this.#settings.host.id) continue;
      wanted.add(peer.id);
      const link = this.#links.get(peer.id);
      if (link?.kind === 'member') link.urls.replace(peer.peerUrls);
      else this.#open({ ...peer, kind: 'member' });
    }
    for (const link of this.#links.values()) {
      if (link.kind === 'member' && !wanted.has(link.id)) this.#drop(link, 'no longer a member');
    }
  }

  send(messages: readonly Message[]): void {
    const touched: PeerLink[] = [];
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      invariant(message.type !== MessageType.MsgSnap, 'a snapshot is sent with its store');
      const link = this.#links.get(message.to);
      if (link === undefined || isOvertaken(messages, i)) continue;
      link.offer(message);
      if (!touched.includes(link)) touched.push(link);
    }
    for (const link of touched) link.flush();
  }

  async sendSnapshot(message: Message, db: AsyncIterable<Uint8Array>): Promise<void> {
    invariant(message.type === MessageType.MsgSnap, 'a store is sent behind a MsgSnap');
    const transfer = this.#sendSnapshot(message, db);
    this.#transfers.add(transfer);
    try {
      await transfer;
    } finally {
      this.#transfers.delete(transfer);
    }
  }

  activeForMs(id: bigint): number | undefined {
    const sinceMs = this.#links.get(id)?.activeSinceMs;
    return sinceMs === undefined ? undefined : Math.max(0, this.#settings.clock.now() - sinceMs);
  }

  /** Messages that wait for the socket of a stream: for metrics, and for tests of its bound. */
  queuedMessages(id: bigint, type: StreamType): number {
    return this.#links.get(id)?.queuedMessages(type) ?? 0;
  }

  async versions(id: bigint, options: SignalOption = {}): Promise<PeerVersions> {
    return askVersions(this.#asking(id, options));
  }

  async hashKv(id: bigint, revision: number, options: SignalOption = {}): Promise<PeerHashKv> {
    const { clusterId } = this.#settings.host;
    return askHashKv(this.#asking(id, options), { clusterId, revision });
  }

  async promoteMember(to: bigint, id: bigint, options: SignalOption = {}): Promise<readonly PeerMember[]> {
    return askPromotion(this.#asking(to, options), id);
  }

  async renewLease(to: bigint, id: bigint, options: SignalOption = {}): Promise<number | undefined> {
    return askRenewal(this.#asking(to, options), id);
  }

  async leaseTimeToLive(
    to: bigint,
    id: bigint,
    options: { readonly keys: boolean; readonly signal?: AbortSignal },
  ): Promise<PeerLease | undefined> {
    return askTimeToLive(this.#asking(to, options), { id, keys: options.keys });
  }

  async isDowngradeEnabled(id: bigint, options: SignalOption = {}): Promise<boolean> {
    return askDowngradeEnabled(this.#asking(id, options));
  }

  /** Ends every connection; what was on its way is lost, and questions end with PEER_CLOSED. */
  async close(): Promise<void> {
    this.#closing.abort(new PeerError('PEER_CLOSED'));
    for (const link of this.#links.values()) this.#drop(link, 'the transport is closed');
    this.#pool.destroy();
    await Promise.allSettled(this.#transfers);
    await this.#surface.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #sendSnapshot(message: Message, db: AsyncIterable<Uint8Array>): Promise<void> {
    const { clock, observer } = this.#settings;
    const to = message.to;
    const startMs = clock.now();
    let bytes = 0;
    let ok = false;
    observer.onSnapshotSending?.({ to });
    const urls = this.#links.get(to)?.urls;
    const url = urls?.pick();
    try {
      await postSnapshot(
        { url, message, db, signal: this.#closing.signal, onBytes: (count) => (bytes += count) },
        this.#settings,
      );
      ok = true;
    } catch (error) {
      if (url !== undefined) urls?.failed(url);
      throw error;
    } finally {
      observer.onSnapshotSent?.({ to, ok, seconds: (clock.now() - startMs) / 1000, bytes });
    }
  }

  #asking(id: bigint, { signal }: SignalOption): Asking {
    const link = this.#links.get(id);
    this.#closing.signal.throwIfAborted();
    if (link === undefined) throw new PeerError('PEER_UNREACHABLE', { reason: 'no such member' });
    return {
      urls: link.urls.all,
      pool: this.#pool,
      tls: this.#settings.tls,
      localAddress: this.#settings.localAddress,
      dialTimeoutMs: this.#settings.dialTimeoutMs,
      timeoutMs: this.#settings.answerTimeoutMs,
      signal: signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
    };
  }

  #attach(id: bigint, type: StreamType, response: ServerResponse | undefined): boolean {
    const link = this.#links.get(id);
    if (link?.kind !== 'member') return false;
    if (response !== undefined) link.attach(type, response);
    return true;
  }

  /** A message from the network: what is not for the host is passed over. Says what became of it. */
  #receive(message: Message): Admission {
    const { host } = this.#settings;
    if (this.#closing.signal.aborted) return { kind: 'ignored' };
    const admission = admit(message, host);
    if (admission.kind === 'taken' && message.type !== MessageType.MsgSnap) host.receive(message);
    return admission;
  }

  /** On a stream there is nobody to tell of an error but the observer. */
  #receiveFromStream(message: Message): void {
    try {
      this.#receive(message);
    } catch (error) {
      this.#settings.observer.onHostError?.(error);
    }
  }

  #addRemote(peer: PeerAddress): void {
    const { host } = this.#settings;
    if (peer.id === host.id || peer.id === 0n || host.isRemoved(peer.id)) return;
    const known = this.#links.get(peer.id);
    if (known?.kind === 'member') return;
    if (known !== undefined) {
      known.urls.replace(peer.peerUrls);
      return;
    }
    const remotes = [...this.#links.values()].filter(({ kind }) => kind === 'remote');
    if (remotes.length >= peerLimits.remotes) this.#drop(remotes[0]!, 'room for another sender');
    this.#open({ ...peer, kind: 'remote' });
  }

  #open(peer: PeerAddress & { readonly kind: 'member' | 'remote' }): void {
    const before = this.#links.get(peer.id);
    if (before !== undefined) this.#drop(before, 'it became a member');
    const link = new PeerLink(peer, this.#settings, this.#linkEvents);
    this.#links.set(peer.id, link);
    link.start();
  }

  #drop(link: PeerLink, reason: string): void {
    this.#links.delete(link.id);
    link.close(reason);
  }

  /** Tells the host once for all that was lost in this turn, and never in the middle of one of its calls. */
  #reportUnreachable(id: bigint): void {
    if (this.#unreachable.size === 0) {
      this.#settings.clock.soon(() => {
        const ids = [...this.#unreachable];
        this.#unreachable.clear();
        if (this.#closing.signal.aborted) return;
        for (const lost of ids) this.#settings.host.reportUnreachable(lost);
      });
    }
    this.#unreachable.add(id);
  }

  #tellRemoval(): void {
    if (this.#isRemovalTold || this.#closing.signal.aborted) return;
    this.#isRemovalTold = true;
    this.#settings.host.onRemoved();
  }
}

/**
 * Whether a later message of the batch says all that this one does: of several answers to appends only the last
 * one counts, as it speaks of the end of the log.
 */
function isOvertaken(messages: readonly Message[], at: number): boolean {
  const message = messages[at]!;
  if (message.type !== MessageType.MsgAppResp) return false;
  for (let i = at + 1; i < messages.length; i++) {
    const later = messages[i]!;
    if (later.type === MessageType.MsgAppResp && later.to === message.to) return true;
  }
  return false;
}
