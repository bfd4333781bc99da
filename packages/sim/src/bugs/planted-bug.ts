/**
 * A mistake put into the members on purpose, to see that the simulator finds it. It lives here, as a change of
 * text that is made while the file is loaded, so that production code has no switch for it.
 */
export interface PlantedBug {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /** What goes wrong, in a sentence. */
  readonly why: string;
  /** A seed that finds it, and how many seeds from 1 on it took; for the table in the README, and for CI. */
  readonly foundBy?: { readonly seed: number; readonly seeds: number };
}
