import type { Message } from '@quorate/wire';

/** A member to speak with. */
export interface PeerAddress {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
}

/** A member as `/members` tells of it. */
export interface PeerMember extends PeerAddress {
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** What a server says of its versions; `not_decided` while the cluster has none, `storage` since 3.6. */
export interface PeerVersions {
  readonly server: string;
  readonly cluster: string;
  readonly storage?: string;
}

/** The hash of a member's keys up to a revision (reference: HashKV). Compact revision -1: never compacted. */
export interface PeerHashKv {
  /** The member's current revision. */
  readonly revision: number;
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

/** What the leader knows of a lease; `undefined` in its place when there is none. Seconds. */
export interface PeerLease {
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
  readonly keys: readonly Uint8Array[];
}

/**
 * What the transport asks of the member it works for. `Replica` is one. Errors thrown here have a stable
 * `code`; the transport answers with the HTTP status that etcd has for it and knows no other rule.
 */
export interface PeerHost {
  readonly id: bigint;
  readonly clusterId: bigint;
  /** The version this server says it has, e.g. `3.6.14`. */
  readonly serverVersion: string;
  /** The peer URLs that this member advertises. */
  readonly peerUrls: () => readonly string[];
  isMember(id: bigint): boolean;
  isRemoved(id: bigint): boolean;
  /** A raft message from another member. Its bytes are the host's from here on. Never MsgSnap. */
  receive(message: Message): void;
  /**
   * A MsgSnap and the store that belongs to it, as the bytes of a bbolt file. Resolves when all of it is on disk
   * and the message was handed on; rejects (and keeps nothing) when the file is damaged or does not fit.
   */
  receiveSnapshot(message: Message, db: AsyncIterable<Uint8Array>): Promise<void>;
  /** Messages to this member were lost. */
  reportUnreachable(id: bigint): void;
  /** Another member answered that this one was removed from the cluster. */
  onRemoved(): void;
  /** Sorted by ID. */
  members(): readonly PeerMember[];
  versions(): PeerVersions;
  /** @throws MVCC_COMPACTED, MVCC_FUTURE_REVISION */
  hashKv(revision: number): Promise<PeerHashKv>;
  /** Promotes a learner, on the leader. @throws MEMBER_NOT_FOUND, MEMBER_NOT_LEARNER, LEARNER_NOT_READY, … */
  promoteMember(id: bigint): Promise<readonly PeerMember[]>;
  /**
   * Renews a lease, on the leader; the full TTL in seconds.
   * @throws LEASE_NOT_FOUND; REPLICA_APPLY_TIMEOUT when applying lags; REPLICA_NOT_LEADER, …
   */
  renewLease(id: bigint): Promise<number>;
  /** Of the leader. @throws REPLICA_NOT_LEADER, … */
  leaseTimeToLive(id: bigint, options: { readonly keys: boolean }): Promise<PeerLease | undefined>;
  /** As of now (a linearizable read). */
  isDowngradeEnabled(): Promise<boolean>;
}

/** What a member asks of its transport. `PeerTransport` speaks rafthttp; the simulator has one of its own. */
export interface PeerNetwork {
  /**
   * Keeps connections to exactly these members; the own one is not among them. Called at the start and after
   * every change of the membership, before a message to a new member is sent.
   */
  setPeers(peers: readonly PeerAddress[]): void;
  /**
   * Hands messages over and never waits. What does not fit is lost, and the host hears of it by
   * `reportUnreachable`. The messages are not written to any more. No MsgSnap.
   */
  send(messages: readonly Message[]): void;
  /**
   * Sends a MsgSnap with the bytes of a bbolt file behind it. Resolves when the receiver has stored it; rejects
   * when it has not. `db` is read as fast as the receiver takes it, and is ended (`return`) in any case.
   */
  sendSnapshot(message: Message, db: AsyncIterable<Uint8Array>): Promise<void>;
  /** For how many milliseconds messages to and from this member have been flowing; undefined when they are not. */
  activeForMs(id: bigint): number | undefined;
  /** Asks another member for its versions. @throws PeerError */
  versions(id: bigint, options?: { readonly signal?: AbortSignal }): Promise<PeerVersions>;
  /** @throws PeerError; PEER_REFUSED with the text of the refusal */
  hashKv(id: bigint, revision: number, options?: { readonly signal?: AbortSignal }): Promise<PeerHashKv>;
  /** Asks the leader `to` to promote a learner. @throws PeerError; PEER_REFUSED with the text of the refusal */
  promoteMember(
    to: bigint,
    id: bigint,
    options?: { readonly signal?: AbortSignal },
  ): Promise<readonly PeerMember[]>;
  /** Asks the leader `to` to renew a lease: the TTL in seconds, undefined when there is no such lease. @throws PeerError */
  renewLease(
    to: bigint,
    id: bigint,
    options?: { readonly signal?: AbortSignal },
  ): Promise<number | undefined>;
  /** @throws PeerError */
  leaseTimeToLive(
    to: bigint,
    id: bigint,
    options: { readonly keys: boolean; readonly signal?: AbortSignal },
  ): Promise<PeerLease | undefined>;
  /** @throws PeerError */
  isDowngradeEnabled(id: bigint, options?: { readonly signal?: AbortSignal }): Promise<boolean>;
  close(): Promise<void>;
}
