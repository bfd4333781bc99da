/** A fact that our own code should have kept was not true: a bug of ours, never a mistake of the caller. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
  readonly code = 'INVARIANT';
}

/**
 * Stops at once when `condition` is false, before bad state is written. Stays on in production, so
 * messages are literals and conditions are cheap.
 *
 * @throws InvariantError
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** Marks a place that the types say cannot be reached; a `switch` that forgot a case does not compile. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}
