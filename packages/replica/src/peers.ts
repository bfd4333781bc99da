import type { Membership } from '@quorate/membership';
import type { PeerAddress, PeerNetwork } from '@quorate/peer';
import { raftpb, type Message } from '@quorate/wire';

export interface PeersOptions {
  readonly memberId: bigint;
  readonly network: PeerNetwork;
  readonly membership: () => Membership;
  /** Members of the cluster that this one joins, while its own membership does not know them all yet. */
  readonly remotes: readonly PeerAddress[];
  readonly sendSnapshot: (message: Message) => void;
}

const { MsgAppResp, MsgSnap } = raftpb.MessageType;

/** Whom this member speaks with, and what goes out to them (reference: outgoing filter of the apply loop). */
export class Peers {
  readonly #options: PeersOptions;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  /** All other members that are not removed. */
  get ids(): bigint[] {
    const { membership, memberId } = this.#options;
    return membership()
      .list()
      .map(({ id }) => id)
      .filter((id) => id !== memberId);
  }

  /** The membership has changed, or is known for the first time. */
  update(): void {
    const { network, memberId, remotes } = this.#options;
    const membership = this.#options.membership();
    const known = new Map(remotes.map((remote) => [remote.id, remote]));
    for (const { id, peerUrls } of membership.list()) known.set(id, { id, peerUrls });
    network.setPeers([...known.values()].filter(({ id }) => id !== memberId && !membership.isRemoved(id)));
  }

  /**
   * Snapshots go their own way; what is for removed members is dropped; of several answers to appends, each
   * saying more than the one before, the last one goes.
   */
  send(messages: readonly Message[]): void {
    const membership = this.#options.membership();
    const out: Message[] = [];
    let isAnswered: Set<bigint> | undefined;
    for (let at = messages.length - 1; at >= 0; at--) {
      const message = messages[at]!;
      if (membership.isRemoved(message.to)) continue;
      if (message.type === MsgSnap) {
        this.#options.sendSnapshot(message);
        continue;
      }
      if (message.type === MsgAppResp && !message.reject) {
        isAnswered ??= new Set();
        if (isAnswered.has(message.to)) continue;
        isAnswered.add(message.to);
      }
      out.push(message);
    }
    if (out.length > 0) this.#options.network.send(out.reverse());
  }
}
