import { SeededRandom } from '@quorate/std';
import { isLinearizableByBruteForce } from '../../src/checkers/brute-force/brute-force.ts';
import { checkLinearizable } from '../../src/checkers/linearizability/check.ts';
import { TruthLog } from '../../src/checkers/truth-log.ts';
import type { Verdict } from '../../src/checkers/violation.ts';
import { checkWgl } from '../../src/checkers/wgl/check.ts';
import type { History } from '../../src/history/types.ts';
import { mutate } from './mutate.ts';
import { randomRun, type RandomRun } from './random-history.ts';

/** What comparing the checkers on many small histories gave. */
export interface Comparison {
  historyCount: number;
  rightCount: number;
  wrongCount: number;
  /** By name of the mutation: how many histories, and how many of them were still right. */
  readonly mutations: Map<string, { count: number; harmless: number }>;
  /** With seeds and what each checker said. */
  readonly disagreements: string[];
}

const options = { leasesExpire: false };

/**
 * Makes a random history for each seed, right or mutated, and asks all checkers: by revisions, by search and by brute
 * force they must say the same. With the truth at hand, a right history must pass, and what passes must be right.
 */
export function compareCheckers(firstSeed: number, historyCount: number): Comparison {
  const comparison: Comparison = {
    historyCount: 0,
    rightCount: 0,
    wrongCount: 0,
    mutations: new Map(),
    disagreements: [],
  };
  for (let seed = firstSeed; seed < firstSeed + historyCount; seed++) compareOne(seed, comparison);
  return comparison;
}

function compareOne(seed: number, comparison: Comparison): void {
  const random = new SeededRandom(seed);
  const run = randomRun(random, {
    operationCount: 2 + random.below(6),
    unknownPercent: random.below(2) * 20,
    durationMax: 2 + random.below(20),
  });
  const mutation = random.below(4) === 0 ? undefined : mutate(run, random);
  const history = mutation?.history ?? run.history;
  const right = isLinearizableByBruteForce(history);
  const said = verdicts(history, run);
  comparison.historyCount++;
  if (right) comparison.rightCount++;
  else comparison.wrongCount++;
  if (mutation !== undefined) count(comparison, mutation.name, right);
  const problem = problemOf({
    right,
    isMutated: mutation !== undefined,
    said,
    hasOpenMeta: hasOpenMeta(history),
  });
  if (problem === undefined) return;
  const messages = Object.entries<Verdict>({ ...said }).map(
    ([name, { violations, unresolved }]) =>
      `  ${name}: ${violations.map(({ rule, message }) => `${rule}: ${message}`).join(' | ')} ${unresolved.join(' | ')}`,
  );
  comparison.disagreements.push(
    `seed ${seed} (${mutation?.name ?? 'not mutated'}), by brute force ${right ? 'right' : 'wrong'}: ${problem}\n${messages.join('\n')}`,
  );
}

interface Said {
  readonly revisions: Verdict;
  readonly search: Verdict;
  readonly entries: Verdict;
  readonly events: Verdict;
}

function verdicts(history: History, { entries, events }: RandomRun): Said {
  return {
    revisions: checkLinearizable(history, undefined, options),
    search: checkWgl(history, options),
    entries: checkLinearizable(history, TruthLog.ofEntries(entries), options),
    events: checkLinearizable(history, TruthLog.ofEvents(events), options),
  };
}

function problemOf(facts: {
  readonly right: boolean;
  readonly isMutated: boolean;
  readonly said: Said;
  readonly hasOpenMeta: boolean;
}): string | undefined {
  const { right, isMutated, said, hasOpenMeta } = facts;
  if (passes(said.revisions) !== right) return 'by revisions it is not so';
  if (passes(said.search) !== right) return 'by search it is not so';
  if (!isMutated && !right) return 'a history that is right by construction is not';
  if (!isMutated && !passes(said.entries)) return 'with its log it is not so';
  if (!isMutated && said.events.violationCount > 0) return 'with its events it is not so';
  if (!right && passes(said.entries)) return 'with the log it passes';
  // Whether an unknown grant, revoke or compaction happened shows in no event: what it may explain is let pass.
  if (!right && !hasOpenMeta && passes(said.events)) return 'with the events it passes';
  return undefined;
}

function hasOpenMeta({ operations }: History): boolean {
  return operations.some(
    ({ request: { kind }, outcome }) =>
      outcome.kind === 'unknown' && (kind === 'compact' || kind === 'leaseGrant' || kind === 'leaseRevoke'),
  );
}

function passes({ violationCount, unresolved }: Verdict): boolean {
  return violationCount === 0 && unresolved.length === 0;
}

function count({ mutations }: Comparison, name: string, harmless: boolean): void {
  const known = mutations.get(name) ?? { count: 0, harmless: 0 };
  mutations.set(name, { count: known.count + 1, harmless: known.harmless + (harmless ? 1 : 0) });
}
