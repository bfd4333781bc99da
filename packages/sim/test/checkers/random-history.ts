import type { SeededRandom } from '@quorate/std';
import type {
  AppliedEntry,
  Compare,
  History,
  KvRequest,
  LoggedRequest,
  Operation,
  Outcome,
  RangeRequest,
  Request,
  RevisionEvents,
  TxnRequest,
} from '../../src/history/types.ts';
import {
  execute,
  isReadOnlyTxn,
  isSerializable,
  type ModelRequest,
} from '../../src/checkers/model/execute.ts';
import { StoreModel } from '../../src/checkers/model/store-model.ts';
import { PastView } from '../../src/checkers/wgl/past-view.ts';

/** What a random run gave: what its clients saw, and what really happened. */
export interface RandomRun {
  readonly history: History;
  readonly entries: readonly AppliedEntry[];
  readonly events: readonly RevisionEvents[];
}

/** How a random run is made. */
export interface RandomRunOptions {
  readonly operationCount: number;
  /** Of 100 operations, how many have an unknown outcome. */
  readonly unknownPercent?: number;
  /** Names of the keys. */
  readonly keys?: readonly string[];
  readonly leases?: readonly bigint[];
  /** Longest time between a call and its return; all calls are within `operationCount` times 4. */
  readonly durationMax?: number;
}

/**
 * Runs random operations on a model, each at a moment between its call and its return: a history that is right by
 * construction.
 */
export function randomRun(random: SeededRandom, options: RandomRunOptions): RandomRun {
  const { operationCount, unknownPercent = 0, durationMax = 12 } = options;
  const planned = Array.from({ length: operationCount }, (_, id) => {
    const calledAt = random.below(operationCount * 4);
    const returnedAt = calledAt + random.below(durationMax);
    return { id, calledAt, returnedAt, at: calledAt + (random.below(1000) / 1000) * (returnedAt - calledAt) };
  }).sort((a, b) => a.at - b.at);
  const model = new StoreModel(undefined, { keepsChanges: true });
  const operations: Operation[] = [];
  const entries: AppliedEntry[] = [];
  const source = new RequestSource(random, options);
  for (const { id, calledAt, returnedAt } of planned) {
    const request = source.next(model);
    const isLost = random.below(100) < unknownPercent;
    if (isLost && random.below(2) === 0) {
      operations.push(operationOf(id, calledAt, Infinity, request, { kind: 'unknown' }));
      continue;
    }
    const outcome = happen(model, request, random);
    if (isThroughLog(request)) {
      entries.push({ index: entries.length + 5, request, revision: model.revision, at: calledAt });
    }
    if (isLost) operations.push(operationOf(id, calledAt, Infinity, request, { kind: 'unknown' }));
    else operations.push(operationOf(id, calledAt, returnedAt, request, outcome));
  }
  return { history: { operations }, entries, events: eventsOf(model) };
}

/** The events of all revisions of a model. */
export function eventsOf(model: StoreModel): readonly RevisionEvents[] {
  const revisions: RevisionEvents[] = [];
  for (let revision = model.initialRevision + 1; revision <= model.revision; revision++) {
    const events = model.changesOf(revision).map(({ kv, previous }) => ({
      type: kv.version === 0 ? ('delete' as const) : ('put' as const),
      kv,
      ...(previous === undefined ? {} : { prevKv: previous }),
    }));
    revisions.push({ revision, events });
  }
  return revisions;
}

function happen(model: StoreModel, request: ModelRequest, random: SeededRandom): Outcome {
  if (isSerializable(request)) {
    const revision = 1 + random.below(model.revision);
    const answer = execute(new PastView(model, revision), request);
    return answer.kind === 'ok' ? { ...answer, revision } : answer;
  }
  const answer = execute(model, request);
  return answer.kind === 'ok' ? { ...answer, revision: model.revision } : answer;
}

function isThroughLog(request: ModelRequest): request is LoggedRequest {
  return request.kind !== 'range' && !(request.kind === 'txn' && isReadOnlyTxn(request));
}

function operationOf(
  id: number,
  calledAt: number,
  returnedAt: number,
  request: Request,
  outcome: Outcome,
): Operation {
  return { id, client: id, calledAt, returnedAt, request, outcome };
}

/** Makes requests that have something to do with what is in the store. */
export class RequestSource {
  readonly #random: SeededRandom;
  readonly #keys: readonly string[];
  readonly #leases: readonly bigint[];
  #value = 0;

  constructor(random: SeededRandom, { keys = ['a', 'b'], leases = [7n, 8n] }: RandomRunOptions) {
    this.#random = random;
    this.#keys = keys;
    this.#leases = leases;
  }

  next(model: StoreModel): ModelRequest {
    const random = this.#random;
    const kind = random.below(100);
    if (kind < 28) return this.#put();
    if (kind < 50) return this.#range(model);
    if (kind < 58) return this.#delete();
    if (kind < 78) return this.#txn(model, 0);
    if (kind < 86) return { kind: 'compact', revision: 1 + random.below(model.revision + 1) };
    if (kind < 93) return { kind: 'leaseGrant', id: this.#pick(this.#leases), ttlSeconds: 60 };
    return { kind: 'leaseRevoke', id: this.#pick(this.#leases) };
  }

  #put(): KvRequest {
    const random = this.#random;
    const lease = random.below(4) === 0 ? this.#pick(this.#leases) : 0n;
    const ignoreValue = random.below(12) === 0;
    return {
      kind: 'put',
      key: this.#pick(this.#keys),
      // Few values, so that different operations can look alike.
      value: ignoreValue ? '' : `v${random.below(3) === 0 ? 0 : ++this.#value}`,
      lease,
      prevKv: random.below(3) === 0,
      ...(ignoreValue ? { ignoreValue } : {}),
    };
  }

  #range(model: StoreModel): RangeRequest {
    const random = this.#random;
    const old = random.below(4) === 0 ? { revision: 1 + random.below(model.revision + 1) } : {};
    return {
      kind: 'range',
      ...this.#keysOrKey(),
      ...old,
      ...(random.below(4) === 0 ? { serializable: true } : {}),
      ...(random.below(8) === 0 ? { limit: 1 } : {}),
      ...(random.below(12) === 0 ? { keysOnly: true } : {}),
      ...(random.below(12) === 0 ? { countOnly: true } : {}),
    };
  }

  #delete(): KvRequest {
    return { kind: 'deleteRange', ...this.#keysOrKey(), prevKv: this.#random.below(2) === 0 };
  }

  #txn(model: StoreModel, depth: number): TxnRequest {
    const random = this.#random;
    return {
      kind: 'txn',
      compare: Array.from({ length: random.below(2) }, () => this.#compare(model)),
      success: this.#branch(model, depth),
      failure: this.#branch(model, depth),
    };
  }

  /** Keys are put at most once in a list, and never deleted by it too: etcd refuses that. */
  #branch(model: StoreModel, depth: number): readonly KvRequest[] {
    const random = this.#random;
    const ops: KvRequest[] = [];
    const put = random.below(2) === 0;
    if (random.below(3) === 0) ops.push(this.#range(model));
    if (put) ops.push(this.#put());
    else if (random.below(3) === 0) ops.push(this.#delete());
    if (random.below(3) === 0) ops.push(this.#range(model));
    if (!put && depth === 0 && random.below(4) === 0) {
      const nested = this.#txn(model, 1);
      if (!ops.some(({ kind }) => kind === 'deleteRange')) ops.push(nested);
    }
    return ops;
  }

  #compare(model: StoreModel): Compare {
    const random = this.#random;
    const where = this.#keysOrKey();
    const result = this.#pick(['equal', 'notEqual', 'greater', 'less'] as const);
    switch (random.below(5)) {
      case 0:
        return { ...where, result, target: 'version', operand: random.below(3) };
      case 1:
        return { ...where, result, target: 'create', operand: random.below(model.revision + 1) };
      case 2:
        return { ...where, result, target: 'mod', operand: random.below(model.revision + 1) };
      case 3:
        return {
          ...where,
          result,
          target: 'lease',
          operand: random.below(2) === 0 ? 0n : this.#pick(this.#leases),
        };
      default:
        return { ...where, result, target: 'value', operand: `v${random.below(4)}` };
    }
  }

  #keysOrKey(): { readonly key: string; readonly rangeEnd?: string } {
    if (this.#random.below(3) > 0) return { key: this.#pick(this.#keys) };
    return this.#random.below(2) === 0 ? { key: '\0', rangeEnd: '\0' } : { key: 'a', rangeEnd: 'b' };
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }
}
