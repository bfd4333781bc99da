import { PeerError, type PeerHost, type PeerNetwork } from '@quorate/peer';
import type { Clock } from '@quorate/std';
import { decodeMessage, encodeMessage } from '@quorate/wire';

/** The way between members of one process: everything arrives, in order, unless a link is cut. */
export class MemoryNetwork {
  readonly #clock: Clock;
  readonly #hosts = new Map<bigint, PeerHost>();
  readonly #cut = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For `ReplicaOptions.network`. */
  readonly join = (host: PeerHost): PeerNetwork => {
    this.#hosts.set(host.id, host);
    return this.#networkOf(host);
  };

  /** Nothing from or to this member arrives. */
  isolate(id: bigint): void {
    for (const other of this.#hosts.keys()) this.cut(id, other).cut(other, id);
  }

  /** Nothing from one member to another arrives. */
  cut(from: bigint, to: bigint): this {
    this.#cut.add(linkOf(from, to));
    return this;
  }

  /** Every link works again. */
  heal(): void {
    this.#cut.clear();
  }

  #networkOf(host: PeerHost): PeerNetwork {
    const reach = (id: bigint): PeerHost => {
      const other = this.#hosts.get(id);
      if (other === undefined || !this.#isOpen(host.id, id) || !this.#isOpen(id, host.id)) {
        throw new PeerError('PEER_UNREACHABLE');
      }
      return other;
    };
    return {
      setPeers: () => {},
      send: (messages) => {
        for (const message of messages) {
          const bytes = encodeMessage(message);
          this.#clock.after(1, () => {
            if (this.#isOpen(host.id, message.to)) this.#hosts.get(message.to)?.receive(decodeMessage(bytes));
          });
        }
      },
      sendSnapshot: async (message, db) => {
        const copy = decodeMessage(encodeMessage(message));
        await reach(message.to).receiveSnapshot(copy, db);
      },
      activeForMs: (id) => (this.#hosts.has(id) && this.#isOpen(host.id, id) ? 10_000 : undefined),
      versions: async (id) => reach(id).versions(),
      hashKv: async (id, revision) => reach(id).hashKv(revision),
      promoteMember: (to, id) => refusing(async () => reach(to).promoteMember(id)),
      renewLease: async (to, id) => reach(to).renewLease(id).catch(undefinedWhenGone),
      leaseTimeToLive: async (to, id, options) => reach(to).leaseTimeToLive(id, options),
      isDowngradeEnabled: async (id) => reach(id).isDowngradeEnabled(),
      close: async () => {
        this.#hosts.delete(host.id);
      },
    };
  }

  #isOpen(from: bigint, to: bigint): boolean {
    return !this.#cut.has(linkOf(from, to));
  }
}

function linkOf(from: bigint, to: bigint): string {
  return `${from}>${to}`;
}

async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PeerError) throw cause;
    throw new PeerError('PEER_REFUSED', { cause, reason: cause instanceof Error ? cause.message : '' });
  }
}

function undefinedWhenGone(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'LEASE_NOT_FOUND') return undefined;
  throw new PeerError('PEER_REFUSED', { cause: error, reason: error instanceof Error ? error.message : '' });
}
