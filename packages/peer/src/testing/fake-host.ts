import type { Message } from '@quorate/wire';
import { concatBytes } from '@quorate/std';
import type { PeerHashKv, PeerHost, PeerLease, PeerMember, PeerVersions } from '../types.ts';

/** Who the host says it is: of version 3.5.30, in cluster 0xc1 and without members unless something else is said. */
export interface FakeHostOptions {
  readonly id: bigint;
  readonly clusterId?: bigint;
  readonly serverVersion?: string;
  readonly members?: readonly PeerMember[];
}

/**
 * A host without a raft behind it: it keeps what it got, and answers questions with what a test put into its
 * fields. Put an error with a `code` into `failure` to have it thrown instead.
 */
export class FakeHost implements PeerHost {
  readonly id: bigint;
  clusterId: bigint;
  serverVersion: string;
  memberList: readonly PeerMember[];
  readonly removed = new Set<bigint>();

  readonly received: Message[] = [];
  readonly unreachable: bigint[] = [];
  readonly snapshots: { readonly message: Message; readonly db: Uint8Array }[] = [];
  removedCount = 0;

  /** Thrown by every question, while it is set. */
  failure: Error | undefined;
  versionsAnswer: PeerVersions | undefined;
  hash: PeerHashKv = { revision: 1, hash: 2, compactRevision: -1, hashRevision: 1 };
  leases = new Map<bigint, PeerLease>();
  isDowngrading = false;
  /** What takes the place of reading the store into memory. */
  onSnapshot: ((message: Message, db: AsyncIterable<Uint8Array>) => Promise<void>) | undefined;
  /** Is told of each message beside its being kept. */
  onMessage: ((message: Message) => void) | undefined;

  readonly #waiting = new Set<() => void>();

  constructor({ id, clusterId = 0xc1n, serverVersion = '3.5.30', members = [] }: FakeHostOptions) {
    this.id = id;
    this.clusterId = clusterId;
    this.serverVersion = serverVersion;
    this.memberList = members;
  }

  /** Resolves as soon as `condition` holds; it is asked again after everything that happens to the host. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  /** Has everybody in `until` look again. */
  wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  readonly peerUrls = (): readonly string[] =>
    this.memberList.find((member) => member.id === this.id)?.peerUrls ?? [];

  isMember(id: bigint): boolean {
    return this.memberList.some((member) => member.id === id);
  }

  isRemoved(id: bigint): boolean {
    return this.removed.has(id);
  }

  receive(message: Message): void {
    this.received.push(message);
    this.onMessage?.(message);
    this.wake();
  }

  async receiveSnapshot(message: Message, db: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.onSnapshot !== undefined) return this.onSnapshot(message, db);
    const chunks: Uint8Array[] = [];
    for await (const chunk of db) chunks.push(chunk);
    this.snapshots.push({ message, db: concatBytes(chunks) });
    this.wake();
  }

  reportUnreachable(id: bigint): void {
    this.unreachable.push(id);
    this.wake();
  }

  onRemoved(): void {
    this.removedCount++;
    this.wake();
  }

  members(): readonly PeerMember[] {
    return this.memberList;
  }

  versions(): PeerVersions {
    return this.versionsAnswer ?? { server: this.serverVersion, cluster: '3.5.0' };
  }

  async hashKv(revision: number): Promise<PeerHashKv> {
    this.#failIfTold();
    return revision === 0 ? this.hash : { ...this.hash, hashRevision: revision };
  }

  async promoteMember(id: bigint): Promise<readonly PeerMember[]> {
    this.#failIfTold();
    this.memberList = this.memberList.map((member) =>
      member.id === id ? { ...member, isLearner: false } : member,
    );
    return this.memberList;
  }

  async renewLease(id: bigint): Promise<number> {
    this.#failIfTold();
    const lease = this.leases.get(id);
    if (lease === undefined) throw new CodedError('LEASE_NOT_FOUND');
    return lease.grantedTtlSeconds;
  }

  async leaseTimeToLive(id: bigint, { keys }: { readonly keys: boolean }): Promise<PeerLease | undefined> {
    this.#failIfTold();
    const lease = this.leases.get(id);
    return lease === undefined || keys ? lease : { ...lease, keys: [] };
  }

  async isDowngradeEnabled(): Promise<boolean> {
    this.#failIfTold();
    return this.isDowngrading;
  }

  #failIfTold(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}

/** An error of which only the code matters. */
export class CodedError extends Error {
  override readonly name = 'CodedError';
  readonly code: string;

  constructor(code: string, message = `it failed with ${code}`) {
    super(message);
    this.code = code;
  }
}
