import { SeededRandom } from '@quorate/std';
import { describe, expect, test, vi } from 'vitest';
import {
  checkLeases,
  TruthLog,
  type AppliedEntry,
  type LeaseOptions,
  type LeaseTimeline,
  type Operation,
  type Response,
  type Rule,
} from '../../src/index.ts';
import { randomLeases, type LeaseRun } from './random-leases.ts';

vi.setConfig({ testTimeout: 120_000 });

const bounds = { lateMs: 1001, electionTimeoutMs: 0 };
const wrongCount = 1000;

function rulesOf({ timeline, entries }: LeaseRun, options: LeaseOptions = bounds): readonly Rule[] {
  return checkLeases(timeline, TruthLog.ofEntries(entries), options).violations.map(({ rule }) => rule);
}

test('leases that keep their time pass', () => {
  for (let seed = 1; seed <= 3000; seed++) {
    const run = randomLeases(new SeededRandom(seed));
    const { violations } = checkLeases(run.timeline, TruthLog.ofEntries(run.entries), bounds);
    expect(violations[0], `seed ${seed}`).toBeUndefined();
  }
});

/** One way to let leases go wrong; undefined when a run has nothing to do it to. */
interface LeaseMutation {
  readonly name: string;
  readonly rules: readonly Rule[];
  readonly apply: (run: LeaseRun, random: SeededRandom) => LeaseRun | undefined;
}

const mutations: readonly LeaseMutation[] = [
  {
    name: 'an early end',
    rules: ['lease-early'],
    apply: (run, random) => {
      // Each lease of a run ends after all that clients acknowledged; more than the lateness earlier is too early.
      const at = pickEntry(run, random, isExpiry);
      return at === undefined ? undefined : moveEntry(run, at, -1200 - random.below(500));
    },
  },
  {
    name: 'a late end',
    rules: ['lease-forgotten'],
    apply: (run, random) => {
      const at = pickEntry(run, random, isExpiry);
      return at === undefined ? undefined : moveEntry(run, at, 1200 + random.below(5000));
    },
  },
  {
    name: 'no end',
    rules: ['lease-forgotten'],
    apply: (run, random) => {
      const at = pickEntry(run, random, isExpiry);
      const ended = at === undefined ? undefined : run.entries[at]!.request;
      if (ended?.kind !== 'leaseRevoke') return undefined;
      const isOther = ({ request }: AppliedEntry) =>
        request.kind !== 'leaseRevoke' || request.id !== ended.id;
      return { ...run, entries: run.entries.filter(isOther) };
    },
  },
  {
    name: 'a renewal after the end',
    rules: ['lease-after-revoke'],
    apply: (run, random) =>
      changeAnswer(run, random, ({ response }) =>
        response?.kind === 'leaseKeepAlive' && response.ttlSeconds === 0
          ? { ...response, ttlSeconds: 9 }
          : undefined,
      ),
  },
  {
    name: 'a lookup that finds what has ended',
    rules: ['lease-after-revoke'],
    apply: (run, random) =>
      changeAnswer(run, random, ({ response }) =>
        response?.kind === 'leaseTimeToLive' && response.grantedTtlSeconds === 0
          ? { ...response, ttlSeconds: 1, grantedTtlSeconds: 5 }
          : undefined,
      ),
  },
  {
    name: 'a renewal that does not find what is there',
    rules: ['lease-false-not-found'],
    apply: (run, random) =>
      changeAnswer(run, random, ({ response }) =>
        response?.kind === 'leaseKeepAlive' && response.ttlSeconds > 0
          ? { ...response, ttlSeconds: 0 }
          : undefined,
      ),
  },
  {
    name: 'a put with a lease that a client had revoked',
    rules: ['lease-dead-attach'],
    apply: (run) => {
      const { operations } = run.timeline;
      const at = operations.findIndex(
        ({ request, outcome, calledAt }) =>
          request.kind === 'put' &&
          outcome.kind === 'refused' &&
          operations.some(
            (revoke) =>
              revoke.request.kind === 'leaseRevoke' &&
              revoke.request.id === request.lease &&
              revoke.outcome.kind === 'ok' &&
              revoke.returnedAt < calledAt,
          ),
      );
      return at === -1 ? undefined : replaceAnswer(run, at, { kind: 'put' });
    },
  },
  {
    name: 'a key too many',
    rules: ['lease-keys'],
    apply: (run, random) =>
      changeAnswer(run, random, ({ response }) =>
        response?.kind === 'leaseTimeToLive' && response.grantedTtlSeconds > 0
          ? { ...response, keys: [...(response.keys ?? []), 'other'] }
          : undefined,
      ),
  },
  {
    name: 'more left than was granted',
    rules: ['lease-ttl'],
    apply: (run, random) =>
      changeAnswer(run, random, ({ response }) =>
        response?.kind === 'leaseTimeToLive' && response.grantedTtlSeconds > 0
          ? { ...response, ttlSeconds: response.grantedTtlSeconds + 1 }
          : undefined,
      ),
  },
  {
    name: 'less left than was acknowledged',
    rules: ['lease-ttl'],
    apply: (run, random) =>
      changeAnswer(run, random, ({ response }) =>
        response?.kind === 'leaseTimeToLive' && response.ttlSeconds > 2
          ? { ...response, ttlSeconds: response.ttlSeconds - 3 }
          : undefined,
      ),
  },
];

test.each(mutations)('$name is found, every time', ({ rules, apply }: LeaseMutation) => {
  let made = 0;
  for (let seed = 1; made < wrongCount && seed < wrongCount * 100; seed++) {
    const random = new SeededRandom(seed);
    const wrong = apply(randomLeases(random), random);
    if (wrong === undefined) continue;
    made++;
    const found = rulesOf(wrong);
    if (!found.some((rule) => rules.includes(rule))) {
      expect.fail(`seed ${seed}: found [${found.join(', ')}], not one of [${rules.join(', ')}]`);
    }
  }
  expect(made).toBe(wrongCount);
});

describe('what can be known without times of the log', () => {
  const grant = call(
    0,
    [0, 10],
    { kind: 'leaseGrant', id: 1n, ttlSeconds: 5 },
    { kind: 'leaseGrant', id: 1n, ttlSeconds: 5 },
  );
  const lost = { kind: 'leaseKeepAlive', ttlSeconds: 0 } as const;
  const truth = TruthLog.ofEvents([]);
  const rules = (operations: readonly Operation[], options: LeaseOptions = {}) =>
    checkLeases({ operations, endedAt: 1e6 }, truth, options).violations.map(({ rule }) => rule);

  test('a lease that nobody revoked is not found before its time is over', () => {
    expect(rules([grant, call(1, [4000, 4990], { kind: 'leaseKeepAlive', id: 1n }, lost)])).toEqual([
      'lease-early',
    ]);
    expect(rules([grant, call(1, [4000, 5010], { kind: 'leaseKeepAlive', id: 1n }, lost)])).toEqual([]);
    const revoke = {
      ...call(2, [20, Infinity], { kind: 'leaseRevoke', id: 1n }),
      outcome: { kind: 'unknown' },
    } as const;
    expect(rules([grant, revoke, call(1, [30, 40], { kind: 'leaseKeepAlive', id: 1n }, lost)])).toEqual([]);
  });

  test('a clock that runs fast may end it a little earlier', () => {
    const operations = [grant, call(1, [4000, 4600], { kind: 'leaseKeepAlive', id: 1n }, lost)];
    expect(rules(operations, { clockRate: 0.1 })).toEqual([]);
    expect(rules(operations, { clockRate: 0.05 })).toEqual(['lease-early']);
    expect(rules(operations, { staleAnswers: true })).toEqual([]);
  });

  test('what a client revoked is not renewed', () => {
    const revoke = call(1, [20, 30], { kind: 'leaseRevoke', id: 1n }, { kind: 'leaseRevoke' });
    const renewed = { kind: 'leaseKeepAlive', ttlSeconds: 5 } as const;
    expect(rules([grant, revoke, call(2, [31, 40], { kind: 'leaseKeepAlive', id: 1n }, renewed)])).toEqual([
      'lease-after-revoke',
    ]);
    expect(rules([grant, revoke, call(2, [30, 40], { kind: 'leaseKeepAlive', id: 1n }, renewed)])).toEqual(
      [],
    );
  });
});

describe('a leader', () => {
  const timeline = (leaders: LeaseTimeline['leaders'] & object): LeaseTimeline => ({
    operations: [],
    leaders,
    endedAt: 60_000,
  });
  const entries: readonly AppliedEntry[] = [
    { index: 2, request: { kind: 'leaseGrant', id: 1n, ttlSeconds: 5 }, at: 0 },
  ];
  const rules = (...periods: readonly (readonly [number, number])[]) =>
    rulesOf({ timeline: timeline(periods.map(([from, until], term) => ({ term, from, until }))), entries });

  test('must end leases only if it is in office for long enough', () => {
    expect(rules([0, 5500])).toEqual([]);
    expect(rules([0, 6500])).toEqual(['lease-forgotten']);
    expect(rules([0, 4000], [4500, 9000], [9500, 14_000])).toEqual([]);
    expect(rules([0, 4000], [4500, 11_000])).toEqual(['lease-forgotten']);
  });

  test('can be told to wait longer for calls of unknown outcome', () => {
    const unknown = {
      ...call(0, [3000, Infinity], { kind: 'leaseKeepAlive', id: 1n }),
      outcome: { kind: 'unknown' },
    } as const;
    const run = {
      timeline: { ...timeline([{ term: 1, from: 0, until: Infinity }]), operations: [unknown] },
      entries,
    };
    expect(rulesOf(run)).toEqual([]);
    expect(rulesOf(run, { ...bounds, unknownMs: 5000 })).toEqual(['lease-forgotten']);
  });
});

function call(
  id: number,
  [calledAt, returnedAt]: readonly [number, number],
  request: Operation['request'],
  response?: Response,
): Operation {
  const outcome =
    response === undefined
      ? ({ kind: 'unknown' } as const)
      : ({ kind: 'ok', revision: 1, response } as const);
  return { id, client: 1, calledAt, returnedAt, request, outcome };
}

function isExpiry({ origin, request }: AppliedEntry): boolean {
  return origin === 'server' && request.kind === 'leaseRevoke';
}

function pickEntry(
  run: LeaseRun,
  random: SeededRandom,
  test: (entry: AppliedEntry) => boolean,
): number | undefined {
  const indexes = [...run.entries.keys()].filter((i) => test(run.entries[i]!));
  return indexes[random.below(Math.max(1, indexes.length))];
}

function moveEntry(run: LeaseRun, at: number, by: number): LeaseRun {
  const entry = run.entries[at]!;
  return { ...run, entries: run.entries.toSpliced(at, 1, { ...entry, at: entry.at! + by }) };
}

function changeAnswer(
  run: LeaseRun,
  random: SeededRandom,
  change: (answer: { readonly response: Response | undefined }) => Response | undefined,
): LeaseRun | undefined {
  const { operations } = run.timeline;
  const changed = operations.map(({ outcome }) =>
    change({ response: outcome.kind === 'ok' ? outcome.response : undefined }),
  );
  const indexes = [...changed.keys()].filter((i) => changed[i] !== undefined);
  const at = indexes[random.below(Math.max(1, indexes.length))];
  return at === undefined ? undefined : replaceAnswer(run, at, changed[at]!);
}

function replaceAnswer(run: LeaseRun, at: number, response: Response): LeaseRun {
  const operation: Operation = {
    ...run.timeline.operations[at]!,
    outcome: { kind: 'ok', revision: 1, response },
  };
  return {
    ...run,
    timeline: { ...run.timeline, operations: run.timeline.operations.toSpliced(at, 1, operation) },
  };
}
