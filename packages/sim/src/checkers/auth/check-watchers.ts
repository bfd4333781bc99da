import type { CallContext } from '../../history/auth.ts';
import type { WatchAttempt, WatchHistory, WatchMessage } from '../../history/types.ts';
import type { Report, Rule } from '../violation.ts';
import type { AuthCourse } from './auth-course.ts';
import { demandOfWatch } from './needs.ts';
import { isAboutCaller, mayBeRefused, mayPass, type Decided } from './verdicts.ts';

/**
 * Checks that watchers are told of nothing by a member that knows that they may not see it, and that only those are
 * cancelled who may not.
 */
export function checkWatchers(watches: readonly WatchHistory[], course: AuthCourse, report: Report): void {
  for (const { id, client, attempts } of watches) {
    for (const [i, attempt] of attempts.entries()) {
      const add = (rule: Rule, message: string): void =>
        report.add({
          rule,
          message: `watch ${id} of client ${client}, attempt ${i}: ${message}`,
          operations: [],
          watch: id,
        });
      if (attempt.context !== undefined) checkAttempt(attempt, attempt.context, course, add);
    }
  }
}

function checkAttempt(
  attempt: WatchAttempt,
  context: CallContext,
  course: AuthCourse,
  add: (rule: Rule, message: string) => void,
): void {
  const known = context.knownBefore ?? context.committedBefore;
  const demand = demandOfWatch(attempt.request);
  const isOver = course.refusalAt(course.last, context, demand, () => []) !== undefined;
  // It had time enough to be looked at again.
  if (attempt.settledRevision !== undefined && isOver)
    add('auth-after-revocation', `it stands at the end, and ${context.user} may not watch any more`);
  for (const message of attempt.messages) {
    const { at, events, created, canceled, cancelReason } = message;
    const call = decidedOf(attempt, message, context);
    if (isAboutCaller(cancelReason)) {
      // One that stood is looked at whenever its member learns of something new.
      const since =
        created === true ? call : { ...call, context: { ...call.context, committedBefore: known } };
      if (!mayBeRefused(course, since, { code: cancelReason, keysEverOf: () => [] }))
        add('auth-false-refusal', `cancelled at ${at} with ${cancelReason}, and was allowed all the time`);
    } else if (events.length > 0 || (created === true && canceled !== true)) {
      const from = created === true ? known : Math.max(known, message.context?.known ?? 0);
      if (!mayPass(course, call, from))
        add('auth-after-revocation', `a message at ${at} that ${context.user} may not have any more`);
    }
  }
}

function decidedOf(
  { request, calledAt }: WatchAttempt,
  { at, context }: WatchMessage,
  of: CallContext,
): Decided {
  return {
    context: { ...of, committedAfter: context?.committed ?? of.committedAfter },
    demand: demandOfWatch(request),
    decision: 'local',
    tookMs: at - calledAt,
  };
}
