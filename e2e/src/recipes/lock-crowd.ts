import { toUtf8 } from '@quorate/std';
import { RpcError } from '@quorate/rpc';
import { answered, statusOf } from './recipe-calls.ts';
import type { RecipeMember } from './recipe-member.ts';

/** What somebody of a crowd does, or time. `who` is any number: whoever can do it, counted round. */
export type CrowdStep =
  | { readonly kind: 'arrive'; readonly ttl: number; readonly lease: 'brought' | 'made' }
  | { readonly kind: 'again'; readonly who: number }
  | { readonly kind: 'leave' | 'unlock' | 'die'; readonly who: number }
  | { readonly kind: 'compact' }
  | { readonly kind: 'pass'; readonly ms: number };

/** Somebody who wants the lock, or has it. */
interface Guest {
  readonly lease: bigint;
  readonly left: AbortController;
  /** `waiting`, `0` for one who was given the lock, or the refusal. */
  status: string;
  key: string | undefined;
  isGone: boolean;
}

const name = 'job';
const prefix = 'job/';
/** Until what somebody does has come to its end. */
const settleMs = 20;
const settleRounds = 4;

/** Many who want one lock, come and go as a script says, and are watched: never do two of them have it. */
export class LockCrowd {
  readonly #member: RecipeMember;
  readonly #guests: Guest[] = [];
  /** Create revisions of those who were given the lock, in the order in which they were. */
  #lastGranted = 0n;
  #nextLease = 1n;

  constructor(member: RecipeMember) {
    this.#member = member;
  }

  /** How many were given the lock so far. */
  get grantedCount(): number {
    return this.#guests.filter(({ status }) => status === '0').length;
  }

  /** Does all of it at once, lets it come to its end, and looks. @throws Error that says what is wrong */
  async do(steps: readonly CrowdStep[]): Promise<void> {
    for (const step of steps) this.#begin(step);
    const ms = steps.reduce((sum, step) => sum + (step.kind === 'pass' ? step.ms : 0), 0);
    for (let passed = 0; passed < ms; passed += 500) await this.#member.advance(Math.min(500, ms - passed));
    for (let round = 0; round < settleRounds; round++) await this.#member.advance(settleMs);
    await this.#look();
  }

  #begin(step: CrowdStep): void {
    const { calls } = this.#member;
    switch (step.kind) {
      case 'arrive':
        return this.#arrive(step.lease === 'made' ? 0n : this.#nextLease++, BigInt(step.ttl));
      case 'again': {
        const guest = pick(
          this.#guests.filter(({ isGone, lease }) => !isGone && lease !== 0n),
          step.who,
        );
        if (guest !== undefined) this.#ask(guest.lease, Promise.resolve());
        return;
      }
      case 'leave': {
        const guest = pick(
          this.#guests.filter(({ status }) => status === 'waiting'),
          step.who,
        );
        guest?.left.abort(new RpcError(1, 'context canceled'));
        return;
      }
      case 'unlock': {
        const guest = pick(
          this.#guests.filter(({ status, isGone }) => status === '0' && !isGone),
          step.who,
        );
        if (guest?.key === undefined) return;
        this.#over(guest.key);
        void calls.unlock(guest.key);
        return;
      }
      case 'die': {
        const guest = pick(
          this.#guests.filter(({ isGone, lease }) => !isGone && lease !== 0n),
          step.who,
        );
        if (guest !== undefined) void calls.revoke(guest.lease);
        return;
      }
      case 'compact':
        void this.#member.calls.keys(prefix).then(({ header }) => calls.compact(header!.revision));
        return;
      case 'pass':
    }
  }

  #arrive(lease: bigint, ttl: bigint): void {
    const { calls } = this.#member;
    this.#ask(lease, lease === 0n ? Promise.resolve() : calls.grant(lease, ttl));
  }

  #ask(lease: bigint, ready: Promise<unknown>): void {
    const left = new AbortController();
    const guest: Guest = { lease, left, status: 'waiting', key: undefined, isGone: false };
    this.#guests.push(guest);
    void ready
      .then(() => this.#member.calls.lock(name, lease, { signal: left.signal }))
      .then((outcome) => {
        guest.status = statusOf(outcome);
        if (guest.status === '0') guest.key = toUtf8(answered(outcome).key);
        else guest.isGone = true;
      });
  }

  /** Whoever shares a lease shares the lock, and its end. */
  #over(key: string): void {
    for (const guest of this.#guests) if (guest.key === key) guest.isGone = true;
  }

  async #look(): Promise<void> {
    const { kvs } = await this.#member.during(this.#member.calls.keys(prefix));
    const queue = kvs
      .map(({ key, createRevision }) => ({ key: toUtf8(key), createRevision }))
      .sort((one, other) => Number(one.createRevision - other.createRevision));
    const [first] = queue;
    for (const { status, key, isGone } of this.#guests) {
      if (status !== '0' || isGone || key === undefined) continue;
      const at = queue.findIndex((place) => place.key === key);
      if (at > 0) throw new Error(`${key} has the lock, and so has ${first?.key}`);
      if (at < 0) this.#over(key);
    }
    this.#lookAtFirst(first);
    this.#lookForOrphans(queue.map(({ key }) => key));
  }

  #lookAtFirst(first: { readonly key: string; readonly createRevision: bigint } | undefined): void {
    if (first === undefined) return;
    const hasIt = this.#guests.some(({ key, isGone }) => key === first.key && !isGone);
    if (!hasIt) throw new Error(`${first.key} is the first in the queue and was not given the lock`);
    if (first.createRevision < this.#lastGranted) throw new Error(`${first.key} was given the lock late`);
    this.#lastGranted = first.createRevision;
  }

  /** A key is somebody's who waits or has the lock. */
  #lookForOrphans(keys: readonly string[]): void {
    const present = this.#guests.filter(({ isGone }) => !isGone);
    const waitingMade = present.filter(({ status, lease }) => status === 'waiting' && lease === 0n).length;
    const unknown = keys.filter(
      (key) => !present.some((guest) => guest.key === key || prefix + guest.lease.toString(16) === key),
    );
    if (unknown.length > waitingMade) throw new Error(`nobody waits by the keys ${unknown.join(', ')}`);
  }
}

function pick<T>(from: readonly T[], who: number): T | undefined {
  return from[who % from.length];
}
