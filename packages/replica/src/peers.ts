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

const { MsgSnap } = raftpb.MessageType;

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

  /** Snapshots go their own way, and what is for removed members is dropped. */
  send(messages: readonly Message[]): void {
    const { network, sendSnapshot } = this.#options;
    const membership = this.#options.membership();
    const out: Message[] = [];
    for (const message of messages) {
      if (membership.isRemoved(message.to)) continue;
      if (message.type === MsgSnap) sendSnapshot(message);
      else out.push(message);
    }
    if (out.length > 0) network.send(out);
  }
}
