import { Client } from '@quorate/client';
import type { History, KvRequest } from '@quorate/sim';
import { SeededRandom, type Random } from '@quorate/std';
import { setTimeout as pause } from 'node:timers/promises';
import { call, type LoadRequest } from './call.ts';
import type { LoadConnection, LoadTarget } from './judged.ts';
import { Recorder } from './recorder.ts';

/** What a load is made of. */
export interface LoadOptions {
  /** The members to speak with, whether they are up or not; asked for again whenever a client moves. */
  readonly members: () => readonly LoadTarget[];
  readonly seed: number;
  /** Each does one thing after the other. Default 8. */
  readonly clients?: number;
  /** Few keys make clients meet. Default 10. */
  readonly keys?: number;
  /** Longest pause of a client between two requests. Default 10. */
  readonly thinkMsMax?: number;
}

/** How long an operation may take before its client gives it up, its outcome unknown. */
const timeoutMs = 2_000;
/** How long a client waits for a connection, and between two tries to get one. */
const dialTimeoutMs = 500;
const movePauseMs = 20;
/** Longer than any run: no lease may end by itself. */
const leaseTtlSeconds = 3_600;
/** So many leases are in use at a time. */
const leasesMax = 5;
/** How far back reads of old revisions go. */
const revisionsBackMax = 30;

/**
 * Clients that read and write all the time, each over one connection to one member, and that go to another one when
 * theirs fails. All they do is written down.
 */
export class ClusterLoad {
  readonly #recorder = new Recorder();
  readonly #options: LoadOptions;
  readonly #workers: Promise<void>[];
  /** Leases that may be there; those that are gone are refused in order. */
  readonly #leases: bigint[] = [];
  #connections = 0;
  #revision = 1;
  #lastLease: bigint;
  #isOver = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    const { clients = 8, seed } = options;
    this.#lastLease = BigInt(seed) * 1_000_000n;
    this.#workers = Array.from({ length: clients }, (_, worker) =>
      this.#work(worker, new SeededRandom(seed * 1_000 + worker)),
    );
  }

  get acknowledgedWrites(): number {
    return this.#recorder.acknowledgedWrites;
  }

  /** Resolves when so many more writes were acknowledged than now; rejects when a client fails for good. */
  async moreWrites(count: number): Promise<void> {
    await Promise.race([this.#recorder.moreWrites(count), this.#failure()]);
  }

  /** Lets every client finish what it does, and returns what they did. */
  async end(): Promise<History> {
    this.#isOver = true;
    await Promise.all(this.#workers);
    return this.#recorder.history();
  }

  async #failure(): Promise<never> {
    await Promise.all(this.#workers);
    throw new Error('the load is over');
  }

  async #work(worker: number, random: Random): Promise<void> {
    let next = worker;
    for (let writes = 0; !this.#isOver;) {
      const members = this.#options.members();
      const member = members[next++ % members.length]!;
      await using dialed = member.dial?.() ?? dialMember(member.endpoint);
      const connection = this.#connectionTo(member);
      for (let isWell = true; isWell && !this.#isOver; writes++) {
        const request = this.#draw(random, `${worker}.${writes}`);
        const { outcome } = await this.#recorder.record(worker, { request, connection }, () =>
          dialed.ask(request, { timeoutMs }),
        );
        isWell = outcome.kind === 'ok' || (outcome.kind === 'refused' && outcome.code !== 'other');
        if (outcome.kind === 'ok') this.#revision = Math.max(this.#revision, outcome.revision);
        await pause(isWell ? random.below(this.#options.thinkMsMax ?? 10) : movePauseMs);
      }
    }
  }

  /**
   * A number for the connection to the process that the member now is, and another one for its next. What is not a
   * member may answer by another one each time, so that each call is as a connection of its own.
   */
  #connectionTo(member: LoadTarget): () => number {
    if (member.dial !== undefined) return () => this.#connections++;
    const numbers = new Map<number, number>();
    return () => {
      const number = numbers.get(member.starts) ?? this.#connections++;
      numbers.set(member.starts, number);
      return number;
    };
  }

  /** What a client does next; `tag` makes the values it writes unique. */
  #draw(random: Random, tag: string): LoadRequest {
    if (random.below(20) === 0) return this.#drawLeaseRequest(random, tag);
    const { keys = 10 } = this.#options;
    const key = `key ${random.below(keys)}`;
    const dice = random.below(100);
    if (dice < 40) return { kind: 'put', key, value: tag, prevKv: dice < 10 };
    if (dice < 45) return { kind: 'deleteRange', key };
    if (dice < 60) return this.#drawTxn(random, key, tag);
    if (dice < 65) return { kind: 'range', key: 'key', rangeEnd: 'kez' };
    if (dice < 72) return { kind: 'range', key, serializable: true };
    if (dice < 77) return { kind: 'range', key, revision: this.#oldRevision(random) };
    return { kind: 'range', key };
  }

  /** Sets a key when it was not changed since some revision that a client may know, else reads it. */
  #drawTxn(random: Random, key: string, tag: string): KvRequest {
    const operand = random.below(3) === 0 ? 0 : this.#oldRevision(random);
    return {
      kind: 'txn',
      compare: [{ key, target: 'mod', result: 'equal', operand }],
      success: [{ kind: 'put', key, value: `${tag} success` }],
      failure: [
        { kind: 'range', key },
        { kind: 'put', key: `${key} failures`, value: `${tag} failure` },
      ],
    };
  }

  /** Grants a lease, hangs a key on one, or takes one away with all its keys. */
  #drawLeaseRequest(random: Random, tag: string): LoadRequest {
    const dice = random.below(10);
    const lease = this.#leases[random.below(Math.max(1, this.#leases.length))];
    if (lease === undefined || dice < 3) {
      const id = ++this.#lastLease;
      this.#leases.push(id);
      if (this.#leases.length > leasesMax) this.#leases.shift();
      return { kind: 'leaseGrant', id, ttlSeconds: leaseTtlSeconds };
    }
    if (dice < 9) return { kind: 'put', key: `leased ${random.below(10)}`, value: tag, lease };
    return { kind: 'leaseRevoke', id: lease };
  }

  #oldRevision(random: Random): number {
    return Math.max(1, this.#revision - random.below(revisionsBackMax));
  }
}

function dialMember(endpoint: string): LoadConnection {
  const client = new Client({ endpoints: [endpoint], dialTimeoutMs });
  return {
    ask: (request, options) => call(client, request, options),
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}
