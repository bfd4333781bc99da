import type { History, Operation } from '../../history/types.ts';
import { textOfOperation } from '../describe.ts';
import { Report, type ReportOptions, type Verdict } from '../violation.ts';
import { isLogged } from '../linearizability/prepare.ts';
import { searchOrder, type SearchResult } from './search.ts';

const shownMax = 5;

/** How a search judges. */
export interface WglOptions extends ReportOptions {
  /** Whether the server may end leases by itself. Default true. */
  readonly leasesExpire?: boolean;
  /** Default 2 million. */
  readonly stepsMax?: number | undefined;
}

/**
 * Checks a history by search: no revision need be known. For windows of a few thousand operations where revisions
 * are, and a few dozen concurrent ones where they are not.
 */
export function checkWgl(history: History, options: WglOptions = {}): Verdict {
  const report = new Report(options);
  report.checkedCount = history.operations.length;
  checkWithSearch(history, options, report);
  return report.verdict();
}

/** As `checkWgl`, into a report. */
export function checkWithSearch(
  history: History,
  { leasesExpire = true, stepsMax = 2_000_000 }: WglOptions,
  report: Report,
): void {
  const operations = leasesExpire ? [...history.operations, ...expiries(history)] : history.operations;
  const result = searchOrder(operations, {
    stepsMax,
    ...(history.initial === undefined ? {} : { initial: history.initial }),
  });
  if (result.outcome === 'exhausted') {
    report.unresolved(`no order found, and none ruled out, in ${result.stepCount} steps`);
  } else if (result.outcome === 'none') {
    reportNone(result, report);
  }
}

/** The end of each lease that was or may have been granted, as an operation that may happen once, or never. */
function expiries({ operations, initial }: History): readonly Operation[] {
  const ends: Operation[] = [];
  const end = (id: bigint, calledAt: number) => {
    ends.push({
      id: -1 - ends.length,
      client: -1,
      calledAt,
      returnedAt: Infinity,
      request: { kind: 'leaseRevoke', id },
      outcome: { kind: 'unknown' },
    });
  };
  for (const { id } of initial?.leases ?? []) end(id, -Infinity);
  for (const operation of operations) {
    const { request, outcome, calledAt } = operation;
    if (request.kind !== 'leaseGrant' || !isLogged(operation) || outcome.kind === 'refused') continue;
    const id =
      outcome.kind === 'ok' && outcome.response.kind === 'leaseGrant' ? outcome.response.id : request.id;
    if (id !== 0n) end(id, calledAt);
  }
  return ends;
}

function reportNone({ order, stuck }: SearchResult, report: Report): void {
  const before = order.slice(-shownMax).map(textOfOperation).join('; ');
  const next = stuck.slice(0, shownMax).map(textOfOperation).join('; ');
  report.add({
    rule: 'not-linearizable',
    message: `the operations have no order; the longest beginning has ${order.length} of them and ends with [${before}]; none of these can follow: [${next}]`,
    operations: stuck.map(({ id }) => id),
  });
}
