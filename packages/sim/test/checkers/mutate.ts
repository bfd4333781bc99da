import type { SeededRandom } from '@quorate/std';
import { execute } from '../../src/checkers/model/execute.ts';
import { TruthLog } from '../../src/checkers/truth-log.ts';
import { PastView } from '../../src/checkers/wgl/past-view.ts';
import type { History, KeyValue, KvResponse, Operation, Outcome, Response } from '../../src/history/types.ts';
import type { RandomRun } from './random-history.ts';

/** One way to make a history wrong. Undefined when this history has nothing to do it to. */
export interface Mutation {
  readonly name: string;
  readonly apply: (history: History, random: SeededRandom, truth: TruthLog) => History | undefined;
}

type Ok = Operation & { readonly outcome: Extract<Outcome, { kind: 'ok' }> };

/** Ways in which a store, or the recording of its clients, can go wrong. Some of them leave a history that is right. */
export const mutations: readonly Mutation[] = [
  {
    name: 'swap the revisions of two answers',
    apply: (history, random) => {
      const [a, b] = pickTwo(random, history.operations.filter(isOk));
      if (a === undefined || b === undefined || a.outcome.revision === b.outcome.revision) return undefined;
      return replace(history, [withRevision(a, b.outcome.revision), withRevision(b, a.outcome.revision)]);
    },
  },
  {
    name: 'an answer with the revision before',
    apply: (history, random) => {
      const a = pick(random, history.operations.filter(isOk));
      return a === undefined || a.outcome.revision <= 1
        ? undefined
        : replace(history, [withRevision(a, a.outcome.revision - 1)]);
    },
  },
  {
    name: 'an answer with the revision after',
    apply: (history, random) => {
      const a = pick(random, history.operations.filter(isOk));
      return a === undefined ? undefined : replace(history, [withRevision(a, a.outcome.revision + 1)]);
    },
  },
  {
    name: 'a stale read',
    apply: (history, random, { model }) => {
      const isRead = (operation: Operation) => operation.request.kind === 'range';
      const reads = history.operations.filter(isOk).filter(isRead);
      const a = pick(
        random,
        reads.filter(({ outcome }) => outcome.revision > 1),
      );
      if (a?.request.kind !== 'range') return undefined;
      const answer = execute(new PastView(model, a.outcome.revision - 1), a.request);
      if (answer.kind !== 'ok') return undefined;
      return replace(history, [{ ...a, outcome: { ...answer, revision: a.outcome.revision - 1 } }]);
    },
  },
  {
    name: 'a key-value with another field',
    apply: (history, random) => {
      const a = pick(
        random,
        history.operations.filter((operation) => isOk(operation) && hasKeyValue(operation)),
      );
      if (a === undefined || !isOk(a)) return undefined;
      const response = mapFirstKeyValue(a.outcome.response, (kv) => alter(kv, random));
      return replace(history, [{ ...a, outcome: { ...a.outcome, response } }]);
    },
  },
  {
    name: 'a wrong count',
    apply: (history, random) => {
      const a = pick(random, history.operations.filter(isOk));
      const response = a?.outcome.response;
      if (a === undefined || response?.kind !== 'range') return undefined;
      const changed = { ...response, count: response.count + 1 };
      return replace(history, [{ ...a, outcome: { ...a.outcome, response: changed } }]);
    },
  },
  {
    name: 'another outcome of the compares',
    apply: (history, random) => {
      const a = pick(random, history.operations.filter(isOk));
      const response = a?.outcome.response;
      if (a === undefined || response?.kind !== 'txn') return undefined;
      const changed = { ...response, succeeded: !response.succeeded };
      return replace(history, [{ ...a, outcome: { ...a.outcome, response: changed } }]);
    },
  },
  {
    name: 'an operation that came earlier',
    apply: (history, random) => {
      const a = pick(random, history.operations);
      return a === undefined || a.returnedAt === Infinity
        ? undefined
        : replace(history, [moved(a, -4 - random.below(12))]);
    },
  },
  {
    name: 'an operation that came later',
    apply: (history, random) => {
      const a = pick(random, history.operations);
      return a === undefined ? undefined : replace(history, [moved(a, 4 + random.below(12))]);
    },
  },
  {
    name: 'a lost operation',
    apply: (history, random) => {
      const a = pick(random, history.operations);
      return { ...history, operations: history.operations.filter((operation) => operation !== a) };
    },
  },
  {
    name: 'a refusal of what was carried out',
    apply: (history, random) => {
      const a = pick(random, history.operations.filter(isOk));
      if (a === undefined) return undefined;
      const code = pick(random, [
        'compacted',
        'futureRevision',
        'leaseNotFound',
        'leaseExists',
        'keyNotFound',
      ] as const)!;
      return replace(history, [{ ...a, outcome: { kind: 'refused', code } }]);
    },
  },
  {
    name: 'an unknown outcome of what was carried out',
    apply: (history, random) => {
      const a = pick(random, history.operations.filter(isOk));
      return a === undefined
        ? undefined
        : replace(history, [{ ...a, returnedAt: Infinity, outcome: { kind: 'unknown' } }]);
    },
  },
  {
    name: 'another request',
    apply: (history, random) => {
      const [a, b] = pickTwo(random, history.operations);
      if (a === undefined || b === undefined || a.request.kind !== b.request.kind) return undefined;
      return replace(history, [{ ...a, request: b.request }]);
    },
  },
];

/** Applies a random mutation; undefined when the chosen one has nothing to work on. */
export function mutate(
  { history, entries }: RandomRun,
  random: SeededRandom,
): { readonly name: string; readonly history: History } | undefined {
  const { name, apply } = mutations[random.below(mutations.length)]!;
  const mutated = apply(history, random, TruthLog.ofEntries(entries));
  return mutated === undefined ? undefined : { name, history: mutated };
}

function isOk(operation: Operation): operation is Ok {
  return operation.outcome.kind === 'ok';
}

function withRevision(operation: Ok, revision: number): Operation {
  return { ...operation, outcome: { ...operation.outcome, revision } };
}

function moved(operation: Operation, by: number): Operation {
  return { ...operation, calledAt: operation.calledAt + by, returnedAt: operation.returnedAt + by };
}

function replace(history: History, changed: readonly Operation[]): History {
  const byId = new Map(changed.map((operation) => [operation.id, operation]));
  return {
    ...history,
    operations: history.operations.map((operation) => byId.get(operation.id) ?? operation),
  };
}

function pick<T>(random: SeededRandom, items: readonly T[]): T | undefined {
  return items.length === 0 ? undefined : items[random.below(items.length)];
}

function pickTwo<T>(random: SeededRandom, items: readonly T[]): readonly [T | undefined, T | undefined] {
  const first = pick(random, items);
  return [
    first,
    pick(
      random,
      items.filter((item) => item !== first),
    ),
  ];
}

function hasKeyValue({ outcome }: Operation): boolean {
  let found = false;
  if (outcome.kind === 'ok') {
    mapFirstKeyValue(outcome.response, (kv) => {
      found = true;
      return kv;
    });
  }
  return found;
}

function mapFirstKeyValue(response: Response, change: (kv: KeyValue) => KeyValue): Response {
  switch (response.kind) {
    case 'range':
    case 'put':
    case 'deleteRange':
    case 'txn':
      return mapInKv(response, change);
    default:
      return response;
  }
}

function mapInKv(response: KvResponse, change: (kv: KeyValue) => KeyValue): KvResponse {
  switch (response.kind) {
    case 'range':
      return { ...response, kvs: mapFirst(response.kvs, change) };
    case 'put':
      return response.prevKv === undefined ? response : { ...response, prevKv: change(response.prevKv) };
    case 'deleteRange':
      return { ...response, prevKvs: mapFirst(response.prevKvs, change) };
    case 'txn':
      return { ...response, responses: mapFirst(response.responses, (nested) => mapInKv(nested, change)) };
  }
}

function mapFirst<T>(items: readonly T[], change: (item: T) => T): readonly T[] {
  const [first, ...rest] = items;
  return first === undefined ? items : [change(first), ...rest];
}

function alter(kv: KeyValue, random: SeededRandom): KeyValue {
  switch (random.below(5)) {
    case 0:
      return { ...kv, value: `${kv.value}x` };
    case 1:
      return { ...kv, modRevision: kv.modRevision + 1 };
    case 2:
      return { ...kv, createRevision: kv.createRevision - 1 };
    case 3:
      return { ...kv, version: kv.version + 1 };
    default:
      return { ...kv, lease: kv.lease + 1n };
  }
}
