import { equalBytes } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { changesOf, describeAsk, goesInSteps, pathOf, type Ask } from './ask.ts';
import type { Answer } from './call.ts';
import type { Identity } from './identities.ts';
import { decide, type Refusal, type Verdict } from './oracle.ts';
import { smallestOf } from './smallest.ts';
import { World, type WorldOptions } from './world.ts';

/** A case in which server and oracle differ. */
export interface Difference {
  readonly identity: string;
  readonly ask: Ask;
  readonly expected: string;
  readonly found: string;
}

/** What was asked, and what differed. */
export interface MatrixReport {
  readonly differences: readonly Difference[];
  readonly countByRpc: ReadonlyMap<string, number>;
  readonly countByIdentity: ReadonlyMap<string, number>;
  readonly servedCount: number;
  readonly refusedCount: number;
}

interface Case {
  readonly identity: Identity;
  readonly ask: Ask;
  readonly verdict: Verdict;
}

function isChanging({ identity, ask, verdict }: Case): boolean {
  if (verdict.kind !== 'refused') return changesOf(ask);
  return identity.who.kind === 'named' && goesInSteps(ask);
}

/** How many are asked at a time. */
const batchSize = 250;

/**
 * Has everybody ask for everything. The first identity is one who may do everything: what others are served must be
 * what that one is. What is refused must leave no trace.
 */
export class Matrix {
  readonly #options: WorldOptions;
  readonly #differences = new Map<string, Difference>();
  readonly #byRpc = new Map<string, number>();
  readonly #byIdentity = new Map<string, number>();
  readonly #references = new Map<Ask, Answer>();
  #servedCount = 0;
  #refusedCount = 0;
  #world: World;

  private constructor(options: WorldOptions, world: World) {
    this.#options = options;
    this.#world = world;
  }

  /** `asksOf` says what somebody asks for. */
  static async run(
    options: WorldOptions,
    asksOf: (identity: Identity) => readonly Ask[],
  ): Promise<MatrixReport> {
    const matrix = new Matrix(options, await World.open(options));
    try {
      const { facts, identities } = matrix.#world;
      const cases = identities.flatMap((identity) =>
        asksOf(identity).map((ask) => ({ identity, ask, verdict: decide(facts, identity.who, ask) })),
      );
      await matrix.#runStill(cases.filter((one) => !isChanging(one)));
      await matrix.#runChanging(cases.filter(isChanging));
      return matrix.#report();
    } finally {
      await matrix.#world[Symbol.asyncDispose]();
    }
  }

  /** Those that change nothing, as they only look or are refused, many at a time. */
  async #runStill(cases: readonly Case[]): Promise<void> {
    const refused = cases.filter(({ verdict }) => verdict.kind === 'refused');
    const served = cases.filter(({ verdict }) => verdict.kind !== 'refused');
    await this.#reference(served);
    for (const batch of batchesOf(refused)) await this.#runBatch(batch, () => this.#world.traces());
    for (const batch of batchesOf(served)) await this.#runBatch(batch, () => this.#world.contents());
  }

  async #runBatch(batch: readonly Case[], traces: () => string): Promise<void> {
    const before = traces();
    const answers = await this.#world.askAll(
      batch.map(({ identity, ask }) => ({ ask, shown: identity.shown })),
    );
    const after = traces();
    batch.forEach((one, at) => this.#judge(one, answers[at]!));
    if (after === before) return;
    this.#differ(batch[0]!, 'nothing changes', changeBetween(before, after));
  }

  /** Those that do what they ask for, one at a time, each in the same house. */
  async #runChanging(cases: readonly Case[]): Promise<void> {
    for (const one of cases) {
      const { ask, identity } = one;
      if (ask.kind === 'plain' && ask.effect === 'ruins') continue;
      if (!this.#references.has(ask)) {
        const [first] = this.#world.identities;
        this.#references.set(ask, await this.#askAndRestore(ask, first!));
      }
      this.#judge(one, await this.#askAndRestore(ask, identity));
    }
  }

  async #askAndRestore(ask: Ask, { name }: Identity): Promise<Answer> {
    const identity = this.#world.identities.find((other) => other.name === name)!;
    const answer = await this.#world.ask(ask, identity.shown);
    if (!(await this.#world.restore())) {
      await this.#world[Symbol.asyncDispose]();
      this.#world = await World.open({ ...this.#options, isTimeless: true });
    }
    return answer;
  }

  /** What the first identity is told. */
  async #reference(cases: readonly Case[]): Promise<void> {
    const asks = [...new Set(cases.map(({ ask }) => ask))];
    const [first] = this.#world.identities;
    for (const batch of batchesOf(asks)) {
      const answers = await this.#world.askAll(batch.map((ask) => ({ ask, shown: first!.shown })));
      batch.forEach((ask, at) => this.#references.set(ask, answers[at]!));
    }
  }

  #judge(one: Case, answer: Answer): void {
    const { identity, ask, verdict } = one;
    increment(this.#byRpc, pathOf(ask));
    increment(this.#byIdentity, identity.name);
    if (verdict.kind === 'refused') this.#refusedCount++;
    else this.#servedCount++;
    const isRefused = verdict.kind === 'refused' || (verdict.kind === 'either' && isRefusal(ask, answer));
    if (verdict.kind === 'served' || !isRefused) this.#judgeServed(one, answer);
    else this.#judgeRefused(one, verdict.kind === 'either' ? verdict.refusal : verdict, answer);
  }

  #judgeRefused(one: Case, { code, text }: Refusal, answer: Answer): void {
    const { ask } = one;
    const found = ask.kind === 'watch' && answer.code === 0 ? watchRefusalOf(answer) : answerText(answer);
    const expected = ask.kind === 'watch' ? `the watch is refused: ${goText(code, text)}` : `${code} ${text}`;
    if (found !== expected) this.#differ(one, expected, found);
    if (answer.messages.some(hasCanary)) this.#differ(one, 'no value', 'a value was told');
  }

  #judgeServed(one: Case, answer: Answer): void {
    const reference = this.#references.get(one.ask)!;
    const expected = answerText(reference);
    if (refusals.has(reference.code)) this.#differ(one, 'served to everybody who may', expected);
    if (answerText(answer) !== expected) {
      this.#differ(one, expected, answerText(answer));
    } else if (isComparable(one.ask) && !sameMessages(one.ask, reference, answer)) {
      this.#differ(one, 'the same messages as for root', 'others');
    }
  }

  /** Keeps the smallest of those that are alike. */
  #differ({ identity, ask }: Case, expected: string, found: string): void {
    const alike = `${pathOf(ask)} ${expected} ${found}`;
    const known = this.#differences.get(alike);
    if (known !== undefined && describeAsk(known.ask).length <= describeAsk(ask).length) return;
    this.#differences.set(alike, { identity: identity.name, ask, expected, found });
  }

  #report(): MatrixReport {
    return {
      differences: [...this.#differences.values()],
      countByRpc: this.#byRpc,
      countByIdentity: this.#byIdentity,
      servedCount: this.#servedCount,
      refusedCount: this.#refusedCount,
    };
  }
}

function isRefusal(ask: Ask, answer: Answer): boolean {
  if (ask.kind !== 'watch' || answer.code !== 0) return answer.code === 7;
  return watchRefusalOf(answer).includes('permission denied');
}

/** PERMISSION_DENIED and UNAUTHENTICATED: no request of one who may do everything ends so. */
const refusals: ReadonlySet<number> = new Set([7, 16]);

/** The same difference with as small a transaction as shows one. */
export async function smallestDifference(options: WorldOptions, found: Difference): Promise<Difference> {
  let smallest = found;
  await smallestOf(found.ask, async (ask) => {
    const { differences } = await Matrix.run({ ...options, isTimeless: true }, ({ name }) =>
      name === found.identity ? [ask] : [],
    );
    if (differences[0] === undefined) return false;
    smallest = differences[0];
    return true;
  });
  return smallest;
}

/** Reports in one line each, for people. */
export function describeDifference({ identity, ask, expected, found }: Difference): string {
  return `${identity} asks for ${describeAsk(ask)}: expected "${expected}", found "${found}"`;
}

function answerText({ code, text, messages }: Answer): string {
  if (code === 0) return '0';
  return messages.length === 0 ? `${code} ${text}` : `${code} ${text}, after ${messages.length} messages`;
}

/** A watch is refused on a stream that goes on. */
function watchRefusalOf({ messages }: Answer): string {
  if (messages.length !== 1) return `${messages.length} messages`;
  const { created, canceled, watchId, cancelReason, events } = rpcpb.WatchResponse.decode(messages[0]!);
  if (!created || !canceled || watchId !== -1n) return 'the watch is created';
  if (events.length > 0) return 'events';
  return `the watch is refused: ${cancelReason}`;
}

/** From where on the two differ. */
function changeBetween(before: string, after: string): string {
  let at = 0;
  while (before[at] === after[at]) at++;
  const excerpt = (text: string): string => text.slice(Math.max(0, at - 30), at + 50);
  return `something changed: ...${excerpt(before)}... to ...${excerpt(after)}...`;
}

function goText(code: number, text: string): string {
  const names: Readonly<Record<number, string>> = {
    3: 'InvalidArgument',
    7: 'PermissionDenied',
    16: 'Unauthenticated',
  };
  return `rpc error: code = ${names[code]} desc = ${text}`;
}

/** Whether an answer is the same each time: nothing that changes, nor what depends on the log or on time. */
function isComparable(ask: Ask): boolean {
  const path = pathOf(ask);
  return (
    !changesOf(ask) && !path.endsWith('/Status') && !path.endsWith('/Snapshot') && ask.kind !== 'authenticate'
  );
}

function sameMessages(ask: Ask, a: Answer, b: Answer): boolean {
  if (a.messages.length !== b.messages.length) return false;
  return a.messages.every((message, at) => {
    const other = b.messages[at]!;
    if (ask.kind !== 'leaseTimeToLive') return equalBytes(message, other);
    return equalBytes(withoutTime(message), withoutTime(other));
  });
}

function withoutTime(bytes: Uint8Array): Uint8Array {
  const response = rpcpb.LeaseTimeToLiveResponse.decode(bytes);
  return rpcpb.LeaseTimeToLiveResponse.encode({ ...response, TTL: 0n }).finish();
}

function hasCanary(message: Uint8Array): boolean {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength).includes('canary');
}

function* batchesOf<T>(all: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < all.length; at += batchSize) yield all.slice(at, at + batchSize);
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
