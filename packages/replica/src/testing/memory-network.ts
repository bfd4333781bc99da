import { PeerError, type PeerHost, type PeerNetwork } from '@quorate/peer';
import type { Clock } from '@quorate/std';
import { decodeMessage, encodeMessage, type Message } from '@quorate/wire';
import type { PausableClock } from './pausable-clock.ts';

/** How old a connection is that was there when the test began. */
const establishedMs = 10_000;
const chunkBytes = 4096;

/** What becomes of a message on its way; see `MemoryNetwork.intercept`. */
export type Interception = 'deliver' | 'drop';

/** A member on the network. */
interface Place {
  readonly host: PeerHost;
  readonly clock: PausableClock | undefined;
}

/** The way between members of one process: everything arrives, in order, unless a link is cut. */
export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #places = new Map<bigint, Place>();
  readonly #cut = new Set<string>();
  /** When links were last healed. */
  readonly #openSince = new Map<string, number>();
  /** Decides over each message when it is sent; everything is delivered unless a test says otherwise. */
  intercept: (message: Message) => Interception = () => 'deliver';
  /** Sees each chunk of a snapshot on its way; what it returns arrives, what it throws breaks the connection. */
  onSnapshotChunk: (chunk: Uint8Array, to: bigint) => Uint8Array | Promise<Uint8Array> = (chunk) => chunk;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For `ReplicaOptions.network`. */
  readonly join = (host: PeerHost): PeerNetwork => this.joinWith(undefined)(host);

  /** The same for a member with a clock of its own: while that is paused, nothing arrives there. */
  readonly joinWith =
    (clock: PausableClock | undefined) =>
    (host: PeerHost): PeerNetwork => {
      this.#places.set(host.id, { host, clock });
      return this.#networkOf(host);
    };

  /** A member as its transport sees it. */
  hostOf(id: bigint): PeerHost {
    const place = this.#places.get(id);
    if (place === undefined) throw new Error('no such member is on the network');
    return place.host;
  }

  /** The process of a member has ended. */
  leave(id: bigint): void {
    this.#places.delete(id);
  }

  /** Nothing from or to this member arrives. */
  isolate(id: bigint): void {
    for (const other of this.#places.keys()) if (other !== id) this.cut(id, other).cut(other, id);
  }

  /** Nothing from one member to another arrives. */
  cut(from: bigint, to: bigint): this {
    this.#cut.add(linkOf(from, to));
    return this;
  }

  /** Every link works again. */
  heal(): void {
    for (const link of this.#cut) this.#openSince.set(link, this.#clock.now());
    this.#cut.clear();
  }

  #networkOf(host: PeerHost): PeerNetwork {
    const ask = <T>(id: bigint, question: (other: PeerHost) => Promise<T>): Promise<T> =>
      this.#ask(host, id, question);
    return {
      setPeers: () => {},
      send: (messages) => {
        for (const message of messages) this.#send(host, message);
      },
      sendSnapshot: (message, db) => this.#sendSnapshot(host, message, db),
      activeForMs: (id) => this.#activeForMs(host.id, id),
      versions: (id) => ask(id, async (other) => other.versions()),
      hashKv: (id, revision) => ask(id, (other) => other.hashKv(revision)),
      promoteMember: (to, id) => ask(to, (other) => refusing(other.promoteMember(id))),
      renewLease: (to, id) => ask(to, (other) => other.renewLease(id).catch(undefinedWhenGone)),
      leaseTimeToLive: (to, id, options) => ask(to, (other) => refusing(other.leaseTimeToLive(id, options))),
      isDowngradeEnabled: (id) => ask(id, (other) => other.isDowngradeEnabled()),
      close: async () => {
        if (this.#places.get(host.id)?.host === host) this.#places.delete(host.id);
      },
    };
  }

  #send(host: PeerHost, message: Message): void {
    // What is left of a crashed process says nothing.
    if (this.#places.get(host.id)?.host !== host || this.intercept(message) === 'drop') return;
    const bytes = encodeMessage(message);
    this.#clock.after(1, () => {
      const place = this.#places.get(message.to);
      if (place === undefined || !this.#isOpen(host.id, message.to)) return;
      enter(place, () => {
        if (this.#places.get(message.to) !== place) return;
        if (place.host.isRemoved(host.id)) this.#tellRemoved(host);
        else place.host.receive(decodeMessage(bytes));
      });
    });
  }

  /** As the transport does: whoever was removed is told so by those it speaks to. */
  #tellRemoved(host: PeerHost): void {
    this.#clock.after(1, () => host.onRemoved());
  }

  async #sendSnapshot(host: PeerHost, message: Message, db: AsyncIterable<Uint8Array>): Promise<void> {
    const copy = decodeMessage(encodeMessage(message));
    const { to } = message;
    await this.#ask(host, to, (other) => refusing(other.receiveSnapshot(copy, this.#chunks(host, to, db))));
  }

  async *#chunks(host: PeerHost, to: bigint, db: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of db) {
      for (let at = 0; at < chunk.length; at += chunkBytes) {
        if (!this.#isOpen(host.id, to)) throw new PeerError('PEER_UNREACHABLE');
        yield await this.onSnapshotChunk(chunk.slice(at, at + chunkBytes), to);
      }
    }
  }

  async #ask<T>(host: PeerHost, id: bigint, question: (other: PeerHost) => Promise<T>): Promise<T> {
    const place = this.#places.get(id);
    const isHere = this.#places.get(host.id)?.host === host;
    if (!isHere || place === undefined || !this.#isOpen(host.id, id) || !this.#isOpen(id, host.id)) {
      throw new PeerError('PEER_UNREACHABLE');
    }
    if (place.host.isRemoved(host.id)) {
      this.#tellRemoved(host);
      throw new PeerError('PEER_UNREACHABLE');
    }
    await new Promise<void>((resolve) => enter(place, resolve));
    return question(place.host);
  }

  #activeForMs(from: bigint, to: bigint): number | undefined {
    if (!this.#places.has(to) || !this.#isOpen(from, to) || !this.#isOpen(to, from)) return undefined;
    const since = Math.max(
      this.#openSince.get(linkOf(from, to)) ?? -establishedMs,
      this.#openSince.get(linkOf(to, from)) ?? -establishedMs,
    );
    return this.#clock.now() - since;
  }

  #isOpen(from: bigint, to: bigint): boolean {
    return !this.#cut.has(linkOf(from, to));
  }
}

function enter(place: Place, action: () => void): void {
  if (place.clock === undefined) action();
  else place.clock.enter('messages', action);
}

function linkOf(from: bigint, to: bigint): string {
  return `${from}>${to}`;
}

/** What the transport makes of refusals that its caller tells apart. */
const promotionRefusals: Readonly<Record<string, readonly [status: number, reason: string]>> = {
  MEMBER_NOT_FOUND: [404, 'membership: ID not found'],
  MEMBER_NOT_LEARNER: [412, 'membership: can only promote a learner member'],
  LEARNER_NOT_READY: [412, 'etcdserver: can only promote a learner member which is in sync with leader'],
};

async function refusing<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof PeerError) throw cause;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const [status, reason] = promotionRefusals[code] ?? [500, cause instanceof Error ? cause.message : ''];
    throw new PeerError('PEER_REFUSED', { cause, status, reason });
  }
}

function undefinedWhenGone(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'LEASE_NOT_FOUND') return undefined;
  throw new PeerError('PEER_REFUSED', { cause: error, reason: error instanceof Error ? error.message : '' });
}
