/** A promise that the members of a simulation have broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly code = 'SIM_VIOLATION';
  /** Which promise, in a word or two: `election safety`, `state machine safety`. */
  readonly promise: string;

  constructor(promise: string, detail: string) {
    super(`${promise}: ${detail}`);
    this.promise = promise;
  }
}
