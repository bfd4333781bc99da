import type { AuthCourse } from '../../checkers/auth/auth-course.ts';
import { requestKey } from '../../checkers/linearizability/request-key.ts';
import type { TruthLog, TruthStep } from '../../checkers/truth-log.ts';
import type { Operation } from '../../history/types.ts';
import type { Tally } from '../tally.ts';

/** Counts what only the log shows: requests that were overtaken by a change of what they are allowed by. */
export function countOvertaken(
  operations: readonly Operation[],
  { truth, course }: { readonly truth: TruthLog; readonly course: AuthCourse },
  tally: Tally,
): void {
  const overtaken = new Set<string>();
  for (const { entry, refusal } of truth.steps ?? []) {
    const { from, index, request } = entry;
    if (refusal !== 'other' || from === undefined || from.revision === 0) continue;
    const { revision } = course.stateAt(index);
    if (from.revision >= revision) continue;
    overtaken.add(requestKey(request));
    tally.note('request refused at apply for an old auth revision');
    if (isForbiddenNow({ entry, course, revision }))
      tally.note('permission revoked between propose and apply');
  }
  for (const { request, outcome, context } of operations) {
    if (context === undefined) continue;
    if (outcome.kind === 'ok' && overtaken.has(requestKey(request)))
      tally.note('write tried again for an old auth revision');
    if (outcome.kind !== 'refused') continue;
    if (outcome.message === 'AUTH_PERMISSION_DENIED') tally.note('permission denied');
    if (outcome.message === 'AUTH_INVALID_TOKEN')
      tally.note(context.mayBeForgotten ? 'forgotten token refused' : 'revoked token refused');
  }
}

function isForbiddenNow({
  entry,
  course,
  revision,
}: Pick<TruthStep, 'entry'> & { readonly course: AuthCourse; readonly revision: number }): boolean {
  const from = { user: entry.from?.user ?? '', revision };
  return course.refusalOfEntry({ ...entry, from }, () => []) !== undefined;
}
