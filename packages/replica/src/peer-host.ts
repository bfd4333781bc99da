import type { LeaseApi } from './lease-api.ts';
import type { ClusterApi } from './cluster-api.ts';
import type { PeerHashKv, PeerHost, PeerLease, PeerMember, PeerVersions } from '@quorate/peer';
import type { Message } from '@quorate/wire';
import type { MemberState } from './applier.ts';
import { hashPresentStore } from './present-hash.ts';

export interface ReplicaHostOptions {
  readonly id: bigint;
  readonly clusterId: bigint;
  readonly serverVersion: string;
  /** What this member advertises while the membership does not know it. */
  readonly advertisePeerUrls: readonly string[];
  readonly state: MemberState;
  readonly receive: (message: Message) => void;
  readonly receiveSnapshot: PeerHost['receiveSnapshot'];
  readonly reportUnreachable: (id: bigint) => void;
  readonly onRemoved: () => void;
  readonly cluster: () => ClusterApi;
  readonly leases: () => LeaseApi;
  readonly linearizable: () => Promise<void>;
}

/** The member as its transport sees it: what other members send and ask. */
export class ReplicaHost implements PeerHost {
  readonly id: bigint;
  readonly clusterId: bigint;
  readonly serverVersion: string;
  readonly #options: ReplicaHostOptions;

  constructor(options: ReplicaHostOptions) {
    this.#options = options;
    this.id = options.id;
    this.clusterId = options.clusterId;
    this.serverVersion = options.serverVersion;
  }

  readonly peerUrls = (): readonly string[] => {
    const { state, advertisePeerUrls } = this.#options;
    return state.membership.get(this.id)?.peerUrls ?? advertisePeerUrls;
  };

  isMember(id: bigint): boolean {
    return this.#options.state.membership.get(id) !== undefined;
  }

  isRemoved(id: bigint): boolean {
    return this.#options.state.membership.isRemoved(id);
  }

  receive(message: Message): void {
    this.#options.receive(message);
  }

  receiveSnapshot(message: Message, db: AsyncIterable<Uint8Array>): Promise<void> {
    return this.#options.receiveSnapshot(message, db);
  }

  reportUnreachable(id: bigint): void {
    this.#options.reportUnreachable(id);
  }

  onRemoved(): void {
    this.#options.onRemoved();
  }

  members(): readonly PeerMember[] {
    return this.#options.state.membership.list();
  }

  versions(): PeerVersions {
    const cluster = this.#options.state.membership.clusterVersion;
    return {
      server: this.serverVersion,
      cluster: cluster ?? 'not_decided',
      ...(cluster !== undefined && { storage: cluster }),
    };
  }

  async hashKv(revision: number): Promise<PeerHashKv> {
    const found = await hashPresentStore(this.#options.state, revision);
    return {
      revision: found.currentRevision,
      hash: found.hash,
      compactRevision: found.compactRevision,
      hashRevision: found.hashRevision,
    };
  }

  promoteMember(id: bigint): Promise<readonly PeerMember[]> {
    return this.#options.cluster().promoteHere(id);
  }

  renewLease(id: bigint): Promise<number> {
    return this.#options.leases().renewHere(id);
  }

  leaseTimeToLive(id: bigint, options: { readonly keys: boolean }): Promise<PeerLease | undefined> {
    return this.#options.leases().timeToLiveHere(id, options);
  }

  async isDowngradeEnabled(): Promise<boolean> {
    await this.#options.linearizable();
    return this.#options.state.membership.downgrade.isEnabled;
  }
}
