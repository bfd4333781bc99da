import { invariant, type BackendRow, type BucketChanges } from '@quorate/std';
import {
  LeaseExistsError,
  LeaseExpiredError,
  LeaseNotFoundError,
  LeaseTtlTooLargeError,
  NotPrimaryError,
} from './errors.ts';
import { decodeLeaseRow, encodeLeaseRow, leaseRowKey } from './lease-row.ts';
import { spreadExpiries } from './spread.ts';
import { TimeQueue, type QueueEntry } from './time-queue.ts';

/** The longest TTL, about 285 years. */
export const maxTtlSeconds = 9_000_000_000;

/** How a lessor is set up. */
export interface LessorOptions {
  /** A shorter TTL is raised to this; see `minTtlSeconds`. */
  readonly minTtlSeconds: number;
  /** What a new primary adds to all expiries: while there was no leader, nobody could renew. */
  readonly electionTimeoutMs: number;
  /** An expired lease that is still there after this is due again. Default 5 s + 2 election timeouts. */
  readonly revokeRetryMs?: number;
  /** How often what is left of a long lease is written down. Absent: never. */
  readonly checkpointIntervalMs?: number;
}

/** A lease as it was granted. */
export interface Lease {
  /** Any int64 but 0. */
  readonly id: bigint;
  /** The effective TTL. */
  readonly ttlSeconds: number;
}

/** What is left of a lease. */
export interface TimeToLive {
  /** Whole seconds, below 0 for one that has long expired; `Infinity` where the lessor is not primary. */
  readonly ttlSeconds: number;
  readonly grantedTtlSeconds: number;
}

/** A remaining TTL to be agreed on by all members; 0 clears an older one. */
export interface LeaseCheckpoint {
  readonly id: bigint;
  readonly remainingTtlSeconds: number;
}

/** How a checkpoint is applied. */
export interface CheckpointContext {
  readonly nowMs: number;
  readonly changes: BucketChanges;
  /** Whether the backend keeps it too; without, a restart forgets it. */
  readonly persist: boolean;
}

/** A lease and all that we know of it. */
interface LeaseState {
  readonly id: bigint;
  readonly ttlSeconds: number;
  remainingTtlSeconds: number;
  /** latin1 strings, one char code a byte. */
  readonly keys: Set<string>;
  /** `Infinity` ("forever") where the lessor is not primary. */
  expiryMs: number;
  /** Set exactly where the lessor is primary. Due at `expiryMs`, or later while a revocation is under way. */
  expiryEntry: QueueEntry<LeaseState> | undefined;
  checkpointEntry: QueueEntry<LeaseState> | undefined;
}

/**
 * The leases of a member. Grants, revocations, checkpoints and attachments are replicated: they come from the
 * log and are the same on all members. When a lease expires only the primary lessor knows, the one at the
 * leader; it hands out what is due, and the leader proposes the revocation.
 *
 * Time is a monotonic `nowMs` of the caller, the same clock in all calls.
 *
 * Invariant: a lease has an expiry, and a place in the expiry queue, exactly where the lessor is primary
 */
export class Lessor {
  readonly #options: LessorOptions;
  readonly #revokeRetryMs: number;
  readonly #leases = new Map<bigint, LeaseState>();
  readonly #expiries = new TimeQueue<LeaseState>();
  readonly #checkpoints = new TimeQueue<LeaseState>();
  #primary = false;
  #strayKeyCount = 0;

  constructor(options: LessorOptions) {
    this.#options = options;
    this.#revokeRetryMs = options.revokeRetryMs ?? 5000 + 2 * options.electionTimeoutMs;
  }

  /** How many leases there are. */
  get size(): number {
    return this.#leases.size;
  }

  get isPrimary(): boolean {
    return this.#primary;
  }

  /** Keys that `attach` was told of whose lease does not exist: something to tell an operator at boot. */
  get strayKeyCount(): number {
    return this.#strayKeyCount;
  }

  /**
   * Takes in a row of bucket `lease`, at boot, before any key is attached.
   *
   * @throws DamagedLeaseRowError
   */
  restore(row: BackendRow): void {
    const stored = decodeLeaseRow(row);
    invariant(!this.#primary, 'leases are restored before anybody leads');
    const ttlSeconds = Math.max(stored.ttlSeconds, this.#options.minTtlSeconds);
    this.#leases.set(stored.id, newLease(stored.id, ttlSeconds, stored.remainingTtlSeconds));
  }

  /**
   * Adds a lease; its TTL is raised to the least one where it is shorter.
   *
   * @throws LeaseNotFoundError for the ID 0, LeaseTtlTooLargeError, LeaseExistsError; nothing is then changed
   */
  grant({ id, ttlSeconds }: Lease, nowMs: number, changes: BucketChanges): Lease {
    if (id === 0n) throw new LeaseNotFoundError(id);
    if (ttlSeconds > maxTtlSeconds) throw new LeaseTtlTooLargeError(ttlSeconds);
    if (this.#leases.has(id)) throw new LeaseExistsError(id);
    const lease = newLease(id, Math.max(ttlSeconds, this.#options.minTtlSeconds), 0);
    this.#leases.set(id, lease);
    changes.put('lease', leaseRowKey(id), encodeLeaseRow(lease));
    if (this.#primary) {
      this.#setExpiry(lease, nowMs + lease.ttlSeconds * 1000);
      this.#scheduleCheckpoint(lease, nowMs);
    }
    return { id, ttlSeconds: lease.ttlSeconds };
  }

  /**
   * Removes a lease. Returns its keys, ascending, which the caller deletes in one write transaction.
   *
   * @throws LeaseNotFoundError
   */
  revoke(id: bigint, changes: BucketChanges): readonly string[] {
    const lease = this.#get(id);
    this.#leases.delete(id);
    if (lease.expiryEntry !== undefined) this.#expiries.remove(lease.expiryEntry);
    if (lease.checkpointEntry !== undefined) this.#checkpoints.remove(lease.checkpointEntry);
    changes.delete('lease', leaseRowKey(id));
    return [...lease.keys].sort();
  }

  /**
   * Starts the full TTL of a lease again and returns it. When `hasCheckpoint` says so, the caller first has a
   * checkpoint of 0 agreed on, or the next primary would go on from the old one.
   *
   * @throws NotPrimaryError, LeaseNotFoundError, LeaseExpiredError
   */
  renew(id: bigint, nowMs: number): number {
    if (!this.#primary) throw new NotPrimaryError();
    const lease = this.#get(id);
    if (lease.expiryMs <= nowMs) throw new LeaseExpiredError(id);
    this.#setExpiry(lease, nowMs + lease.ttlSeconds * 1000);
    return lease.ttlSeconds;
  }

  /**
   * The same where nothing is in the way; undefined, and nothing is changed, where `renew` throws and where a checkpoint
   * has to be taken back first.
   */
  tryRenew(id: bigint, nowMs: number): number | undefined {
    const lease = this.#leases.get(id);
    if (!this.#primary || lease === undefined) return undefined;
    if (lease.expiryMs <= nowMs || lease.remainingTtlSeconds > 0) return undefined;
    this.#setExpiry(lease, nowMs + lease.ttlSeconds * 1000);
    return lease.ttlSeconds;
  }

  has(id: bigint): boolean {
    return this.#leases.has(id);
  }

  /**
   * Hangs a key, as a latin1 string, on a lease. An unknown lease only counts as stray: the store asks `has`
   * before it puts, so that this can only be a key of an old database whose lease is gone.
   */
  attach(lease: bigint, key: string): void {
    const state = this.#leases.get(lease);
    if (state === undefined) this.#strayKeyCount++;
    else state.keys.add(key);
  }

  /** Takes a key off a lease. Harmless when the lease is gone, as it is while its keys are deleted. */
  detach(lease: bigint, key: string): void {
    this.#leases.get(lease)?.keys.delete(key);
  }

  /** The keys of a lease, ascending; undefined when there is no such lease. */
  keys(id: bigint): readonly string[] | undefined {
    const lease = this.#leases.get(id);
    return lease === undefined ? undefined : [...lease.keys].sort();
  }

  /** What is left of a lease; undefined when there is no such lease. */
  timeToLive(id: bigint, nowMs: number): TimeToLive | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    // `+ 0` makes the 0 of -0.
    const ttlSeconds = Math.trunc((lease.expiryMs - nowMs) / 1000) + 0;
    return { ttlSeconds, grantedTtlSeconds: lease.ttlSeconds };
  }

  /** The IDs of all leases, by expiry where the lessor is primary, among equals by ID. */
  list(): bigint[] {
    return this.#byExpiry().map((lease) => lease.id);
  }

  /**
   * Makes this lessor the primary one. Every lease gets what was left of it at its last checkpoint, or all of
   * it, and an election timeout on top; a pile of leases that would expire at once is spread out.
   */
  promote(nowMs: number): void {
    this.#primary = true;
    for (const lease of this.#leases.values()) {
      lease.expiryMs = nowMs + leftSeconds(lease) * 1000 + this.#options.electionTimeoutMs;
    }
    const leases = this.#byExpiry();
    spreadExpiries(leases);
    for (const lease of leases) {
      this.#setExpiry(lease, lease.expiryMs);
      this.#scheduleCheckpoint(lease, nowMs);
    }
  }

  /** Ends being primary: from here on no lease expires. */
  demote(): void {
    this.#primary = false;
    this.#expiries.clear();
    this.#checkpoints.clear();
    for (const lease of this.#leases.values()) {
      lease.expiryMs = Infinity;
      lease.expiryEntry = undefined;
      lease.checkpointEntry = undefined;
    }
  }

  /**
   * Leases whose revocation is due, at most `limit`, the longest expired first. Each is handed out again when
   * it is still there after the retry interval. None where the lessor is not primary.
   */
  expired(nowMs: number, limit: number): bigint[] {
    const due: bigint[] = [];
    while (due.length < limit) {
      const first = this.#expiries.first();
      if (first === undefined || first.timeMs > nowMs) break;
      this.#expiries.move(first, nowMs + this.#revokeRetryMs);
      due.push(first.item.id);
    }
    return due;
  }

  /** Whether a checkpoint of what is left of a lease is in force. */
  hasCheckpoint(id: bigint): boolean {
    return (this.#leases.get(id)?.remainingTtlSeconds ?? 0) > 0;
  }

  /** Checkpoints to be agreed on now, at most `limit`; none where the lessor is not primary. */
  dueCheckpoints(nowMs: number, limit: number): LeaseCheckpoint[] {
    const due: LeaseCheckpoint[] = [];
    while (due.length < limit) {
      const first = this.#checkpoints.first();
      if (first === undefined || first.timeMs > nowMs) break;
      const lease = first.item;
      // Applying the checkpoint sets the time of the next one; should this one get lost, it is due again.
      this.#checkpoints.move(first, nowMs + this.#checkpointIntervalMs());
      const remainingTtlSeconds = Math.ceil((lease.expiryMs - nowMs) / 1000);
      if (remainingTtlSeconds > 0 && remainingTtlSeconds < lease.ttlSeconds) {
        due.push({ id: lease.id, remainingTtlSeconds });
      }
    }
    return due;
  }

  /** Applies an agreed checkpoint; one for a lease that is gone does nothing. */
  applyCheckpoint({ id, remainingTtlSeconds }: LeaseCheckpoint, context: CheckpointContext): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.remainingTtlSeconds = remainingTtlSeconds;
    if (context.persist) context.changes.put('lease', leaseRowKey(id), encodeLeaseRow(lease));
    if (this.#primary) this.#scheduleCheckpoint(lease, context.nowMs);
  }

  /** @throws InvariantError when our own bookkeeping is broken; O(n), for tests and simulation. */
  checkInvariants(): void {
    this.#expiries.checkInvariants();
    this.#checkpoints.checkInvariants();
    const queued = this.#primary ? this.#leases.size : 0;
    invariant(this.#expiries.size === queued, 'the expiry queue holds all leases of the primary lessor');
    for (const lease of this.#leases.values()) {
      const { expiryMs, expiryEntry } = lease;
      invariant(Number.isFinite(expiryMs) === this.#primary, 'only a primary lessor knows expiries');
      invariant((expiryEntry !== undefined) === this.#primary, 'only a primary lessor queues leases');
      invariant(expiryEntry === undefined || expiryEntry.timeMs >= expiryMs, 'no lease is due early');
    }
  }

  #get(id: bigint): LeaseState {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw new LeaseNotFoundError(id);
    return lease;
  }

  #byExpiry(): LeaseState[] {
    return [...this.#leases.values()].sort(compareExpiry);
  }

  #setExpiry(lease: LeaseState, expiryMs: number): void {
    lease.expiryMs = expiryMs;
    if (lease.expiryEntry === undefined) lease.expiryEntry = this.#expiries.add(lease, expiryMs);
    else this.#expiries.move(lease.expiryEntry, expiryMs);
  }

  /** Only leases with more left than the interval get checkpoints. */
  #scheduleCheckpoint(lease: LeaseState, nowMs: number): void {
    const intervalMs = this.#checkpointIntervalMs();
    const entry = lease.checkpointEntry;
    if (leftSeconds(lease) * 1000 > intervalMs) {
      if (entry === undefined) lease.checkpointEntry = this.#checkpoints.add(lease, nowMs + intervalMs);
      else this.#checkpoints.move(entry, nowMs + intervalMs);
    } else if (entry !== undefined) {
      this.#checkpoints.remove(entry);
      lease.checkpointEntry = undefined;
    }
  }

  #checkpointIntervalMs(): number {
    return this.#options.checkpointIntervalMs ?? Infinity;
  }
}

/** The least TTL of a cluster: one and a half election timeouts, in whole seconds. */
export function minTtlSeconds(timing: {
  readonly electionTicks: number;
  readonly heartbeatMs: number;
}): number {
  return Math.ceil((Math.floor((3 * timing.electionTicks) / 2) * timing.heartbeatMs) / 1000);
}

function newLease(id: bigint, ttlSeconds: number, remainingTtlSeconds: number): LeaseState {
  return {
    id,
    ttlSeconds,
    remainingTtlSeconds,
    keys: new Set(),
    expiryMs: Infinity,
    expiryEntry: undefined,
    checkpointEntry: undefined,
  };
}

/** What a new primary has to give: the rest as of the last checkpoint, or everything. */
function leftSeconds(lease: LeaseState): number {
  return lease.remainingTtlSeconds > 0 ? lease.remainingTtlSeconds : lease.ttlSeconds;
}

function compareExpiry(a: LeaseState, b: LeaseState): number {
  if (a.expiryMs !== b.expiryMs) return a.expiryMs < b.expiryMs ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
