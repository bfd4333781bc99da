import type { AuthRefusal, CallContext } from '../../history/auth.ts';
import type { AuthCourse, KeysOfLease } from './auth-course.ts';
import type { Decision, Demand } from './needs.ts';

/** Longer than a member tries by itself. */
const patienceMs = 5_000;

/** A call as decisions see it. */
export interface Decided {
  readonly context: CallContext;
  readonly demand: Demand;
  readonly decision: Decision;
  readonly tookMs: number;
}

/** What refusals say of the states that they may come from: of one that refuses so, or so. */
const fitting: Partial<Record<string, readonly AuthRefusal[]>> = {
  AUTH_INVALID_TOKEN: ['AUTH_INVALID_TOKEN'],
  AUTH_PERMISSION_DENIED: ['AUTH_PERMISSION_DENIED', 'AUTH_USER_NOT_FOUND'],
  AUTH_USER_NOT_FOUND: ['AUTH_PERMISSION_DENIED', 'AUTH_USER_NOT_FOUND'],
  // Whoever comes with a token while authentication is off is nobody, and stays so when it comes back.
  AUTH_USER_EMPTY: ['AUTH_USER_EMPTY', 'AUTH_INVALID_TOKEN'],
  AUTH_OLD_REVISION: ['AUTH_USER_EMPTY', 'AUTH_INVALID_TOKEN', 'AUTH_PERMISSION_DENIED'],
};

/** Whether that is how a member refuses who asks, rather than what he asks for. */
export function isAboutCaller(code: string | undefined): code is AuthRefusal {
  return code !== undefined && Object.hasOwn(fitting, code);
}

/** Whether some state that may have decided on a call lets it pass. */
export function mayPass(course: AuthCourse, call: Decided, from = firstDecisive(call)): boolean {
  const { context, demand } = call;
  for (const state of course.statesIn(from, context.committedAfter)) {
    // Which keys hung on a lease at that moment is not asked: without any it passes more easily.
    if (course.refusalAt(state, context, demand, () => []) === undefined) return true;
  }
  return call.decision === 'nowIfOn' && isOffSomewhere(course, call);
}

/** Whether authentication may have been off, as far as the member knew. */
function isOffSomewhere(course: AuthCourse, { context }: Decided): boolean {
  const { knownBefore = context.committedBefore, committedAfter } = context;
  for (const { enabled } of course.statesIn(knownBefore, committedAfter)) if (!enabled) return true;
  return false;
}

/**
 * Whether a refusal can be right: some state from the call to the return refuses so, or the documents name the case: a
 * token that the member has forgotten, a member without a leader.
 */
export function mayBeRefused(
  course: AuthCourse,
  call: Decided,
  { code, keysEverOf }: { readonly code: string; readonly keysEverOf: KeysOfLease },
): boolean {
  const { context, demand, decision, tookMs } = call;
  if (code === 'AUTH_INVALID_TOKEN' && context.mayBeForgotten) return true;
  // To a member that has not heard that authentication is on, a token that has expired names nobody.
  if (code === 'AUTH_USER_EMPTY' && context.mayBeForgotten && isOffSomewhere(course, call)) return true;
  if (code === 'AUTH_OLD_REVISION' && tookMs >= patienceMs) return true;
  // That a token is not valid is said by what the member knows; so is all else by one without a leader.
  const isAlone = context.mayLackLeader && (decision === 'local' || decision === 'log');
  const isByMember = isAlone || code === 'AUTH_INVALID_TOKEN';
  const from = isByMember ? (context.knownBefore ?? 0) : context.committedBefore;
  for (const state of course.statesIn(Math.min(from, context.committedBefore), context.committedAfter)) {
    const refusal = course.refusalAt(state, context, demand, keysEverOf);
    if (refusal !== undefined && fitting[code]!.includes(refusal)) return true;
  }
  return false;
}

/** The oldest state that may have let a call pass. */
function firstDecisive({ context, decision }: Decided): number {
  const { committedBefore, knownBefore = committedBefore } = context;
  return decision === 'local' ? Math.min(knownBefore, committedBefore) : committedBefore;
}
