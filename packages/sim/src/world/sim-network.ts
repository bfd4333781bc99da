import { copyBytes } from '@quorate/std';
import {
  PeerError,
  type PeerAddress,
  type PeerHashKv,
  type PeerHost,
  type PeerLease,
  type PeerMember,
  type PeerNetwork,
  type PeerVersions,
} from '@quorate/peer';
import { decodeMessage, encodeMessage, type Message } from '@quorate/wire';
import { never, ProcessGoneError } from './process.ts';
import type { Endpoint, Wires } from './wires.ts';

/** After this time nobody waits for an answer any more. */
const questionTimeoutMs = 5_000;

/** How snapshots fare in this simulation. */
export interface SnapshotRates {
  /** How often the stream breaks at a chunk, and how often it stands still at one, and for how long. */
  readonly breaks: number;
  readonly stalls: number;
  readonly stallMs: number;
}

type Options = { readonly signal?: AbortSignal };

/** The way to the other members for one life of a member. */
export class SimNetwork implements PeerNetwork {
  readonly #wires: Wires;
  readonly #self: Endpoint;
  readonly #snapshots: () => SnapshotRates;
  #peers = new Set<bigint>();
  #isClosed = false;

  constructor(wires: Wires, self: Endpoint, snapshots: () => SnapshotRates) {
    this.#wires = wires;
    this.#self = self;
    this.#snapshots = snapshots;
  }

  setPeers(peers: readonly PeerAddress[]): void {
    this.#peers = new Set(peers.map(({ id }) => id));
  }

  send(messages: readonly Message[]): void {
    if (messages.length === 0 || !this.#self.process.reach('network.send.before')) return;
    for (const message of messages) {
      if (this.#isClosed) return;
      if (this.#knows(message.to)) this.#wires.send(this.#self, message);
      else this.#wires.lost(this.#self, message.to);
    }
    this.#self.process.reach('network.send.after');
  }

  async sendSnapshot(message: Message, db: AsyncIterable<Uint8Array>): Promise<void> {
    const chunks = db[Symbol.asyncIterator]();
    try {
      if (!this.#self.process.reach('network.snapshot.before')) return await never();
      const bytes = encodeMessage(message);
      await this.#ask(message.to, 'snapshot', async (host, to) => {
        await host.receiveSnapshot(decodeMessage(bytes), this.#carry(chunks, to));
      });
    } finally {
      if (!this.#self.process.isGone) await chunks.return?.();
    }
  }

  activeForMs(id: bigint): number | undefined {
    return this.#wires.activeForMs(this.#self, id);
  }

  versions(id: bigint, options?: Options): Promise<PeerVersions> {
    return this.#ask(id, 'versions', async (host) => host.versions(), options);
  }

  hashKv(id: bigint, revision: number, options?: Options): Promise<PeerHashKv> {
    return this.#ask(id, 'hashKv', (host) => host.hashKv(revision), options);
  }

  promoteMember(to: bigint, id: bigint, options?: Options): Promise<readonly PeerMember[]> {
    return this.#ask(to, 'promoteMember', (host) => host.promoteMember(id), options);
  }

  renewLease(to: bigint, id: bigint, options?: Options): Promise<number | undefined> {
    const renew = async (host: PeerHost): Promise<number | undefined> => {
      try {
        return await host.renewLease(id);
      } catch (error) {
        if (codeOf(error) === 'LEASE_NOT_FOUND') return undefined;
        throw error;
      }
    };
    return this.#ask(to, 'renewLease', renew, options);
  }

  leaseTimeToLive(
    to: bigint,
    id: bigint,
    options: { readonly keys: boolean; readonly signal?: AbortSignal },
  ): Promise<PeerLease | undefined> {
    const { keys } = options;
    return this.#ask(to, 'leaseTimeToLive', (host) => host.leaseTimeToLive(id, { keys }), options);
  }

  isDowngradeEnabled(id: bigint, options?: Options): Promise<boolean> {
    return this.#ask(id, 'isDowngradeEnabled', (host) => host.isDowngradeEnabled(), options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#wires.detach(this.#self);
  }

  /**
   * Carries a question to another member and the answer, a copy of it, back. Either way may fail; whoever asked
   * hears of it soon, or only when his patience ends.
   */
  #ask<T>(
    id: bigint,
    label: string,
    question: (host: PeerHost, to: Endpoint) => Promise<T>,
    { signal }: Options = {},
  ): Promise<T> {
    const { process } = this.#self;
    const { timeline, troubles } = this.#wires;
    if (process.isGone) return never();
    return new Promise<T>((resolve, reject) => {
      const fail = (error: Error): void =>
        void process.later(troubles.delay().ms, `${label} failed`, () => reject(error));
      if (label !== 'snapshot')
        process.later(questionTimeoutMs, `${label} timeout`, () => reject(new PeerError('PEER_TIMEOUT')));
      signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      timeline.after(troubles.delay().ms, `ask ${label}`, () => {
        const to = this.#reachable(id);
        if (to === undefined) return fail(new PeerError('PEER_UNREACHABLE'));
        const answer = (action: () => void): void => {
          timeline.after(troubles.delay().ms, `answer ${label}`, () => {
            const isBack = !to.process.isGone && !troubles.isCut(to.machine, this.#self.machine);
            if (isBack && troubles.copies() > 0) process.later(0, `answer ${label}`, action);
            else if (label === 'snapshot' || this.#wires.chance.happens(0.5))
              fail(new PeerError('PEER_UNREACHABLE'));
          });
        };
        to.process.later(0, `asked ${label}`, () => {
          question(to.host, to).then(
            (result) => answer(() => resolve(structuredClone(result))),
            (error: unknown) => answer(() => reject(refusal(error))),
          );
        });
        // A receiver that goes meanwhile closes its end of the connection.
        this.#watchFor(to, () => fail(new PeerError('PEER_UNREACHABLE')));
      });
    });
  }

  /** A member that lags answers a leader which it has never heard of: it came with its address. */
  #knows(id: bigint): boolean {
    return this.#peers.has(id) || this.#self.correspondents.has(id);
  }

  /** Tells once that the other end has gone. */
  #watchFor(to: Endpoint, gone: () => void): void {
    to.process.onceGone(() => {
      if (!this.#self.process.isGone) gone();
    });
  }

  /** Chunks on their way: one after the other, each with the fate that its moment has for it. */
  async *#carry(chunks: AsyncIterator<Uint8Array>, to: Endpoint): AsyncGenerator<Uint8Array, void> {
    const { troubles, chance } = this.#wires;
    const { process } = this.#self;
    const senderGone = new Promise<never>((_, reject) => {
      process.onceGone(() => reject(new PeerError('PEER_UNREACHABLE')));
    });
    senderGone.catch(() => {});
    for (;;) {
      if (!process.reach('network.snapshot.chunk')) throw new PeerError('PEER_UNREACHABLE');
      const next = await Promise.race([chunks.next(), senderGone]);
      if (next.done === true) return;
      const chunk = copyBytes(next.value);
      const { breaks, stalls, stallMs } = this.#snapshots();
      const delayMs = chance.happens(stalls) ? chance.wait(stallMs) : troubles.delay().ms;
      const isBroken = chance.happens(breaks);
      await to.process.wait(delayMs, 'snapshot chunk', () => undefined);
      const isCut = troubles.isCut(this.#self.machine, to.machine);
      if (isBroken || isCut || process.isGone) throw new PeerError('PEER_UNREACHABLE');
      yield chunk;
    }
  }

  #reachable(id: bigint): Endpoint | undefined {
    const to = this.#wires.endpoint(id);
    if (to === undefined || this.#wires.troubles.isCut(this.#self.machine, to.machine)) return undefined;
    return this.#wires.troubles.copies() > 0 ? to : undefined;
  }
}

/** What the other member's error is on this side. */
function refusal(error: unknown): Error {
  if (error instanceof ProcessGoneError) return new PeerError('PEER_UNREACHABLE');
  const reason = error instanceof Error ? error.message : String(error);
  return new PeerError('PEER_REFUSED', { cause: error, reason });
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
