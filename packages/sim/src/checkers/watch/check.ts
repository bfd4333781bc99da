import type { WatchHistory } from '../../history/types.ts';
import type { TruthLog } from '../truth-log.ts';
import { Report, type ReportOptions, type Rule, type Verdict } from '../violation.ts';
import { AttemptCheck, type AttemptContext } from './attempt-check.ts';
import { DueEvents } from './due-events.ts';

/** How `checkWatch` judges. */
export interface WatchOptions extends ReportOptions {
  /**
   * The highest revision at which anybody compacted, for a truth of events, which does not know. Left out, such a truth
   * lets every cancel for a compaction and every missing `prevKv` pass.
   */
  readonly compactedRevision?: number;
}

/**
 * Checks what watchers were told against what happened: every event due to them, in order, once, whole revisions at a
 * time, with the right fields and previous values, through their filters, nothing from before their start, nothing
 * behind a progress answer, a cancel for a compaction only if there was one that concerned them, and nothing after it.
 * A client that resumed must have done so without leaving anything out.
 */
export function checkWatch(
  watches: readonly WatchHistory[],
  truth: TruthLog,
  options: WatchOptions = {},
): Verdict {
  const report = new Report(options);
  const compactedBy = compactionsOf(truth, options);
  for (const watch of watches) checkOne(watch, truth, compactedBy, report);
  return report.verdict();
}

function checkOne(
  watch: WatchHistory,
  truth: TruthLog,
  compactedBy: (time: number) => number,
  report: Report,
): void {
  /** Everything due up to here was seen, or made unreadable by a compaction. */
  let seen: number | undefined;
  for (const [i, attempt] of watch.attempts.entries()) {
    const add = (rule: Rule, message: string, revision?: number): void => {
      report.add({
        rule,
        message: `watch ${watch.id} of client ${watch.client}, attempt ${i}: ${message}`,
        operations: [],
        watch: watch.id,
        ...(revision === undefined ? {} : { revision }),
      });
    };
    const context: AttemptContext = { truth, compactedBy, add };
    const check = new AttemptCheck(attempt, context);
    check.run();
    report.checkedCount += check.eventCount;
    if (seen !== undefined && check.seen !== undefined) {
      const start = attempt.request.startRevision ?? 0;
      const resumedAt = start > 0 ? start : (attempt.messages[0]?.revision ?? 0) + 1;
      const missing = new DueEvents(truth, attempt.request).firstAfter(seen, resumedAt - 1);
      if (missing !== undefined) {
        add('watch-lost-event', `resumed at ${resumedAt}, but had seen no more than ${seen}`, missing);
      }
    }
    const readable = (check.cancel?.compactRevision ?? 0) - 1;
    if (check.seen !== undefined) seen = Math.max(seen ?? 0, check.seen, readable);
  }
}

/** The compacted revision that any member can have had by a time. */
function compactionsOf(truth: TruthLog, { compactedRevision }: WatchOptions): (time: number) => number {
  if (truth.steps === undefined) return () => compactedRevision ?? Infinity;
  const levels: { readonly at: number; readonly level: number }[] = [];
  for (const { entry, refusal } of truth.steps) {
    if (entry.request.kind !== 'compact' || refusal !== undefined) continue;
    levels.push({ at: entry.at ?? -Infinity, level: entry.request.revision });
  }
  const initial = truth.initial.compactedRevision;
  return (time) => levels.findLast(({ at }) => at <= time)?.level ?? initial;
}
