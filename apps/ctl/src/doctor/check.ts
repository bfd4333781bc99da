/** How bad a finding is, worst first. */
export const severities = ['critical', 'warning', 'advice'] as const;

/**
 * `critical`: data or the service is in danger or gone, act now. `warning`: it will be, or works badly, act soon.
 * `advice`: it works, and could be better.
 */
export type Severity = (typeof severities)[number];

/** What a check says about one subject: a member, a data directory, the cluster. */
export type Verdict =
  | {
      readonly outcome: 'finding';
      readonly severity: Severity;
      readonly subject: string;
      /** What was seen, with figures. Never a key, a value or a secret. */
      readonly seen: string;
      /** What to do, in order; what follows a `$ ` is a command. */
      readonly remedy: readonly string[];
    }
  | {
      readonly outcome: 'ok';
      readonly subject: string;
      /** What was seen, where it is worth telling. */
      readonly seen?: string;
    }
  | { readonly outcome: 'unchecked'; readonly subject: string; readonly reason: string };

/** One question asked of what was observed. It is pure: the same observation has the same verdicts. */
export interface Check<Observed> {
  /** Stable, for scripts. */
  readonly id: string;
  /** What is looked at, in a few words. */
  readonly title: string;
  /** Why it matters. */
  readonly why: string;
  /** The section of the runbook about it. */
  readonly runbook: string;
  /** A verdict for each subject; none where the question does not arise. What cannot be told is never `ok`. */
  readonly examine: (observed: Observed) => readonly Verdict[];
}

/** All is well with a subject. */
export function ok(subject: string, seen?: string): Verdict {
  return { outcome: 'ok', subject, ...(seen === undefined ? {} : { seen }) };
}

/** Nothing can be said about a subject. */
export function unchecked(subject: string, reason: string): Verdict {
  return { outcome: 'unchecked', subject, reason };
}

/** Something is to be done about a subject. */
export function finding(
  severity: Severity,
  subject: string,
  seen: string,
  remedy: readonly string[],
): Verdict {
  return { outcome: 'finding', severity, subject, seen, remedy };
}

/** A value, or why there is none. */
export type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

/** A value that was observed. */
export function observed<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

/** What could not be observed. */
export function unobserved(reason: string): Outcome<never> {
  return { ok: false, reason };
}
