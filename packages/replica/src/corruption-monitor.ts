import { CompactedError, type HashKvResult, type MvccStore } from '@quorate/mvcc';
import type { PeerHashKv } from '@quorate/peer';
import { idToHex } from '@quorate/std';
import { Cadence } from './cadence.ts';
import { CheckQueue } from './check-queue.ts';
import { CompactionHistory, isTelling, type NotedCompaction } from './compaction-history.ts';
import { StartError } from './errors.ts';
import { pollPeers } from './poll-peers.ts';

/** What a check asks of a store. */
export type HashableStore = Pick<MvccStore, 'currentRevision' | 'compactedRevision' | 'hashKv' | 'range'>;

export interface CorruptionMonitorOptions {
  readonly memberId: bigint;
  /** The store of now: another one after a snapshot was installed. */
  readonly store: () => HashableStore;
  /** All other members, learners included. */
  readonly peers: () => readonly bigint[];
  readonly hashKv: (
    peer: bigint,
    revision: number,
    options: { readonly signal: AbortSignal },
  ) => Promise<PeerHashKv>;
  readonly isLeader: () => boolean;
  /** Resolves when this member has applied all that was committed when it was called. */
  readonly linearizable: () => Promise<void>;
  /** Raises CORRUPT for a member by way of the log; 0 stands for one that can't be named. */
  readonly raiseAlarm: (memberId: bigint) => Promise<unknown>;
  readonly hasCorruptAlarm: (memberId: bigint) => boolean;
  /** How often the leader compares all data with the other members; 0 is never. */
  readonly periodicMs: number;
  /** How often the leader compares what compactions have left; 0 is never. */
  readonly compactHashMs: number;
  /** How long the other members may take to hash their data; a minute by default. */
  readonly timeoutMs?: number;
  readonly observer?: CorruptionObserver;
}

export type CorruptionCheck = 'initial' | 'periodic' | 'compactHash';

export interface CorruptionObserver {
  /** A check at this revision has ended; so many of the other members had data to compare. */
  onCorruptionChecked?(event: {
    readonly check: CorruptionCheck;
    readonly revision: number;
    readonly comparedCount: number;
    readonly peerCount: number;
  }): void;
  /** The data of a member is wrong, or, with member 0, that of nobody knows whom. */
  onInconsistency?(event: {
    readonly check: CorruptionCheck;
    readonly memberId: bigint;
    readonly reason: string;
  }): void;
  /** A check that `tick` started could not be carried out; it is made again at its next time. */
  onCorruptionCheckFailed?(event: { readonly check: CorruptionCheck; readonly error: unknown }): void;
}

/** A member whose data is wrong, and how that shows. */
interface Suspect {
  readonly memberId: bigint;
  readonly reason: string;
}

const defaultTimeoutMs = 60_000;
/** The member of an alarm that concerns the cluster as a whole. */
const nobody = 0n;

/**
 * Compares the data of this member with that of the others (reference: corruption checks): before it serves, and, on
 * the leader, again and again. One check at a time, since each may hash everything. Members that can't be reached,
 * lag or have compacted further are passed over; they are compared another time.
 */
export class CorruptionMonitor {
  readonly #options: CorruptionMonitorOptions;
  readonly #queue: CheckQueue;
  readonly #periodicCadence: Cadence;
  readonly #compactHashCadence: Cadence;
  readonly #compactions = new CompactionHistory();

  constructor(options: CorruptionMonitorOptions) {
    this.#options = options;
    this.#queue = new CheckQueue(options.timeoutMs ?? defaultTimeoutMs);
    this.#periodicCadence = new Cadence(options.periodicMs);
    this.#compactHashCadence = new Cadence(options.compactHashMs);
  }

  /** The newest compacted revision at which all members were found to be the same; 0 for none. */
  get verifiedRevision(): number {
    return this.#compactions.verifiedRevision;
  }

  /** Call it often. Starts at most one check, on the leader only, and none while one is under way. Never throws. */
  tick(nowMs: number): void {
    this.#queue.tick(nowMs);
    this.#compactions.note(this.#options.store());
    if (this.#queue.isClosed || this.#queue.isBusy) return;
    if (this.#compactHashCadence.isDue(nowMs)) {
      this.#compactHashCadence.restart(nowMs);
      this.#start('compactHash', () => this.checkCompactHash());
    } else if (this.#periodicCadence.isDue(nowMs)) {
      this.#periodicCadence.restart(nowMs);
      this.#start('periodic', () => this.checkPeriodic());
    }
  }

  /**
   * For a member that was in the cluster before, ahead of serving: compares its data, at its current revision, with
   * that of every other member that can answer.
   *
   * @throws StartError when it differs from that of one
   */
  checkInitial(): Promise<void> {
    return this.#queue.run((signal) => this.#initial(signal));
  }

  /** For the leader: compares all data as of now, its own at two times included. Raises at most one alarm. */
  checkPeriodic(): Promise<void> {
    return this.#queue.run((signal) => this.#periodic(signal));
  }

  /**
   * For the leader: compares what compactions have left, newest first, until one is settled. Members that differ from
   * a majority of all get an alarm each; where there is no majority, the alarm names nobody.
   */
  checkCompactHash(): Promise<void> {
    return this.#queue.run((signal) => this.#compactHash(signal));
  }

  /** Resolves when no check is under way. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** Gives up the check under way; no other is started. */
  close(): Promise<void> {
    return this.#queue.close();
  }

  #start(check: CorruptionCheck, run: () => Promise<void>): void {
    if (!this.#options.isLeader()) return;
    const store = this.#options.store();
    run().catch((error: unknown) => {
      // Rows that are missing in a store which a snapshot has replaced meanwhile are no damage: they are to go.
      if (this.#options.store() !== store) return;
      this.#options.observer?.onCorruptionCheckFailed?.({ check, error });
    });
  }

  async #initial(signal: AbortSignal): Promise<void> {
    const { store: storeOf, observer } = this.#options;
    const peers = this.#options.peers();
    if (peers.length === 0) return;
    const store = storeOf();
    const revision = store.currentRevision;
    if (!isTelling(store, revision)) return;
    const [hashed, answers] = await Promise.all([
      store.hashKv(revision).catch((error: unknown) => ({ error })),
      this.#ask(peers, revision, signal),
    ]);
    // A snapshot of the leader has taken the store's place: whatever came of the old one, it is no more.
    if (storeOf() !== store) return this.#initial(signal);
    if ('error' in hashed) throw hashed.error;
    const own = hashed;
    const compared = [...answers].filter(([, answer]) => isComparable(answer, own));
    const suspects: Suspect[] = compared
      .filter(([, answer]) => answer.hash !== own.hash)
      .map(([memberId, answer]) => ({ memberId, reason: differenceOf(own, answer) }));
    for (const suspect of suspects) observer?.onInconsistency?.({ check: 'initial', ...suspect });
    this.#ended('initial', revision, compared.length, peers.length);
    if (suspects.length === 0) return;
    const found = suspects.map(({ memberId, reason }) => `member ${idToHex(memberId)} (${reason})`);
    throw new StartError(
      `found data inconsistency with peers: the data of this member is not that of ${found.join(', ')}`,
    );
  }

  async #periodic(signal: AbortSignal): Promise<void> {
    const { store: storeOf, linearizable, memberId } = this.#options;
    const peers = this.#options.peers();
    const store = storeOf();
    // Of the revision by name, not of "now": if it was compacted at, this gives what the compaction has left, and so
    // does the same question to the peers.
    const revision = store.currentRevision;
    if (!isTelling(store, revision)) return;
    const own = await store.hashKv(revision);
    const answers = await this.#ask(peers, revision, signal);
    // After this, whatever a peer had applied when it answered is applied here.
    await linearizable();
    const latest = { revision: store.currentRevision, compactRevision: store.compactedRevision };
    // etcd hashes as of now, and can only compare when nothing was written meanwhile.
    const again = await hashUnlessCompacted(store, revision);
    if (!this.#mayJudge(store)) return;

    const suspects: Suspect[] = [];
    if (again !== undefined && isComparable(again, own) && again.hash !== own.hash) {
      suspects.push({ memberId, reason: differenceOf(own, again) });
    }
    for (const [peer, answer] of answers) {
      const reason = suspicionOf(answer, own, latest);
      if (reason !== undefined) suspects.push({ memberId: peer, reason });
    }
    const compared = [...answers.values()].filter((answer) => isComparable(answer, own));
    this.#ended('periodic', revision, compared.length, peers.length);
    await this.#alarm('periodic', suspects, { alarmsMax: 1 });
  }

  async #compactHash(signal: AbortSignal): Promise<void> {
    const store = this.#options.store();
    this.#compactions.note(store);
    if (this.#options.peers().length === 0) return;
    for (const compaction of this.#compactions.unverified()) {
      const isSettled = await this.#compareCompaction(store, compaction, signal);
      if (isSettled || signal.aborted || !this.#mayJudge(store)) return;
    }
  }

  /** True when there is nothing to be learned from older compactions. */
  async #compareCompaction(
    store: HashableStore,
    compaction: NotedCompaction,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { revision } = compaction;
    const peers = this.#options.peers();
    const answers = await this.#ask(peers, revision, signal);
    if (answers.size === 0) return true;
    const own = await hashUnlessCompacted(store, revision);
    if (!this.#mayJudge(store)) return true;
    if (own === undefined) {
      this.#compactions.forget(compaction);
      return false;
    }
    const compared = [...answers].filter(([, answer]) => isComparable(answer, own));
    this.#ended('compactHash', revision, compared.length, peers.length);

    const byHash = new Map<number, bigint[]>([[own.hash, [this.#options.memberId]]]);
    for (const [peer, { hash }] of compared) byHash.set(hash, [...(byHash.get(hash) ?? []), peer]);
    if (byHash.size === 1) {
      const isVerified = compared.length === peers.length;
      if (isVerified) this.#compactions.verified(compaction);
      else this.#compactions.leftOpen(compaction);
      return isVerified;
    }
    this.#compactions.leftOpen(compaction);
    await this.#alarm('compactHash', minorityOf(byHash, { memberCount: peers.length + 1, own }), {});
    return true;
  }

  #ask(peers: readonly bigint[], revision: number, signal: AbortSignal): Promise<Map<bigint, PeerHashKv>> {
    return pollPeers(peers, (peer, options) => this.#options.hashKv(peer, revision, options), signal);
  }

  /** What was found out about a store that was replaced meanwhile, or as a leader of earlier, does not count. */
  #mayJudge(store: HashableStore): boolean {
    return !this.#queue.isClosed && this.#options.isLeader() && this.#options.store() === store;
  }

  async #alarm(
    check: CorruptionCheck,
    suspects: readonly Suspect[],
    { alarmsMax = Infinity }: { readonly alarmsMax?: number },
  ): Promise<void> {
    const { observer, memberId, peers, hasCorruptAlarm, raiseAlarm } = this.#options;
    for (const suspect of suspects) observer?.onInconsistency?.({ check, ...suspect });
    let alarmsCount = 0;
    for (const { memberId: id } of suspects) {
      const isKnown = id === nobody || id === memberId || peers().includes(id);
      if (!isKnown || hasCorruptAlarm(id) || alarmsCount >= alarmsMax) continue;
      alarmsCount++;
      await raiseAlarm(id);
    }
  }

  #ended(check: CorruptionCheck, revision: number, comparedCount: number, peerCount: number): void {
    this.#options.observer?.onCorruptionChecked?.({ check, revision, comparedCount, peerCount });
  }
}

/** The parts of a hash that say what it covers. */
type Hash = Pick<PeerHashKv, 'hash' | 'compactRevision' | 'hashRevision'>;

/** Whether two hashes must be equal. etcd 3.5 does not say of which revision its hash is: of the one asked for. */
function isComparable(answer: Hash, own: Hash): boolean {
  if (answer.compactRevision !== own.compactRevision) return false;
  return answer.hashRevision === own.hashRevision || answer.hashRevision === 0;
}

/** What is wrong with a peer in the eyes of a leader that has since applied all that the peer had. */
function suspicionOf(
  answer: PeerHashKv,
  own: Hash,
  latest: { readonly revision: number; readonly compactRevision: number },
): string | undefined {
  if (answer.revision > latest.revision) {
    return `its revision ${answer.revision} is ahead of the leader's, ${latest.revision}`;
  }
  if (answer.compactRevision > latest.compactRevision) {
    return `its compact revision ${answer.compactRevision} is ahead of the leader's, ${latest.compactRevision}`;
  }
  return isComparable(answer, own) && answer.hash !== own.hash ? differenceOf(own, answer) : undefined;
}

/** Those whose hash is not that of a majority of all members; nobody by name when there is no majority. */
function minorityOf(
  byHash: ReadonlyMap<number, readonly bigint[]>,
  { memberCount, own }: { readonly memberCount: number; readonly own: HashKvResult },
): Suspect[] {
  const quorum = Math.floor(memberCount / 2) + 1;
  const at = `at revision ${own.hashRevision}, compacted at ${own.compactRevision}`;
  const majority = [...byHash].find(([, members]) => members.length >= quorum);
  if (majority === undefined) {
    return [{ memberId: nobody, reason: `${at}, no majority of the members has the same hash` }];
  }
  return [...byHash]
    .filter(([hash]) => hash !== majority[0])
    .flatMap(([hash, members]) =>
      members.map((memberId) => ({
        memberId,
        reason: `${at}, its hash is ${hash} and that of a majority ${majority[0]}`,
      })),
    );
}

function differenceOf(own: Hash, other: Hash): string {
  return `at revision ${own.hashRevision}, compacted at ${own.compactRevision}, hash ${own.hash} here and ${other.hash} there`;
}

/** Undefined when the revision was compacted away, and no hash is remembered of it. */
async function hashUnlessCompacted(
  store: HashableStore,
  revision: number,
): Promise<HashKvResult | undefined> {
  try {
    return await store.hashKv(revision);
  } catch (error) {
    if (error instanceof CompactedError) return undefined;
    throw error;
  }
}
