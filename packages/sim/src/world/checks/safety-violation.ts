/** A promise that the members of a simulation have broken. */
export class SafetyViolation extends Error {
  override readonly name = 'SafetyViolation';
  readonly code = 'SIM_VIOLATION';
  /** Which promise, in a word or two: `election safety`, `state machine safety`. */
  readonly promise: string;

  constructor(promise: string, detail: string) {
    super(`${promise}: ${detail}`);
    this.promise = promise;
  }
}
