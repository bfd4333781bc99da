import { invariant } from '@quorate/std';
import { faultOf, membersOf } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import { Progress } from './progress.ts';
import { jointVote, majorityValue } from './quorum.ts';
import type { VoteResult } from './quorum.ts';

/**
 * The configuration and, for each member of it, the progress. What is asked on every acknowledgement is kept
 * in arrays, so that no map is searched for it.
 */
export class Tracker {
  readonly #ownId: bigint;
  readonly #window: { readonly count: number; readonly size: number };
  readonly #progress = new Map<bigint, Progress>();
  #config: Configuration;
  #incoming: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];
  #peers: readonly Progress[] = [];
  readonly #scratch: number[] = [];

  constructor(
    ownId: bigint,
    config: Configuration,
    window: { readonly count: number; readonly size: number },
  ) {
    this.#ownId = ownId;
    this.#window = window;
    this.#config = config;
    this.adopt(config, 0);
  }

  get config(): Configuration {
    return this.#config;
  }

  /** All members, this node included when it is one, in ascending order of ID. */
  get members(): ReadonlyMap<bigint, Progress> {
    return this.#progress;
  }

  /** All members but this node, in ascending order of ID. */
  get peers(): readonly Progress[] {
    return this.#peers;
  }

  /** This node's own progress; undefined when it is no member. */
  get self(): Progress | undefined {
    return this.#progress.get(this.#ownId);
  }

  get(id: bigint): Progress | undefined {
    return this.#progress.get(id);
  }

  /** Whether this node's own word alone is a quorum. */
  get isSingleVoter(): boolean {
    return (
      this.#incoming.length === 1 && this.#outgoing.length === 0 && this.#incoming[0]!.id === this.#ownId
    );
  }

  /** Takes a configuration as the current one; who is new starts at the end of the log. */
  adopt(config: Configuration, lastIndex: number): void {
    invariant(faultOf(config) === undefined, 'only a configuration that can be is adopted');
    const members = membersOf(config);
    const before = new Map(this.#progress);
    this.#progress.clear();
    for (const id of members) {
      const progress = before.get(id) ?? this.#newcomer(id, lastIndex);
      progress.learner = config.learners.has(id);
      this.#progress.set(id, progress);
    }
    this.#config = config;
    this.#incoming = [...config.voters].map((id) => this.#progress.get(id)!);
    this.#outgoing = [...config.votersOutgoing].map((id) => this.#progress.get(id)!);
    this.#peers = members.filter((id) => id !== this.#ownId).map((id) => this.#progress.get(id)!);
  }

  /** The highest index that a quorum has on disk. */
  quorumMatch(): number {
    return Math.min(
      majorityValue(this.#gather(this.#incoming, 'match')),
      majorityValue(this.#gather(this.#outgoing, 'match')),
    );
  }

  /** The newest read round that a quorum has acknowledged. */
  quorumReadPosition(): number {
    return Math.min(
      majorityValue(this.#gather(this.#incoming, 'readPosition')),
      majorityValue(this.#gather(this.#outgoing, 'readPosition')),
    );
  }

  /** How an election stands. */
  tally(votes: ReadonlyMap<bigint, boolean>): VoteResult {
    return jointVote(this.#config, votes);
  }

  /** Whether a quorum, this node counted in, was heard of since the last time; starts the next period. */
  takeQuorumActive(): boolean {
    const heard = new Map<bigint, boolean>();
    for (const [id, progress] of this.#progress) {
      heard.set(id, progress.recentActive || id === this.#ownId);
      progress.recentActive = false;
    }
    return this.tally(heard) === 'won';
  }

  checkInvariants(): void {
    invariant(faultOf(this.#config) === undefined, 'the configuration must be one that can be');
    invariant(this.#progress.size === membersOf(this.#config).length, 'each member has its progress');
    for (const [id, progress] of this.#progress) {
      invariant(progress.id === id, 'a progress is filed under its ID');
      invariant(progress.learner === this.#config.learners.has(id), 'a learner is marked as one');
    }
  }

  /** Counts as heard of, so that a leader does not step down over a member that could not yet answer. */
  #newcomer(id: bigint, lastIndex: number): Progress {
    const progress = new Progress(id, Math.max(lastIndex, 1), this.#window);
    progress.recentActive = true;
    return progress;
  }

  #gather(members: readonly Progress[], field: 'match' | 'readPosition'): number[] {
    const values = this.#scratch;
    values.length = members.length;
    for (let i = 0; i < members.length; i++) values[i] = members[i]![field];
    return values;
  }
}
