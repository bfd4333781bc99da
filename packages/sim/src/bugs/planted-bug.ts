import type { FaultKind } from '../world/swarm.ts';

/** One change of a file's text. */
export interface Edit {
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

/**
 * A mistake put into the members on purpose, to see that the simulator finds it. It lives here, as a change of
 * text that is made while the file is loaded, so that production code has no switch for it.
 */
export interface PlantedBug {
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  readonly edits: readonly Edit[];
  /** What goes wrong, in a sentence. */
  readonly why: string;
  /** Where it takes one kind of trouble only, and much of it: the faults to look under, and the size of clusters. */
  readonly faults?: readonly FaultKind[];
  readonly members?: number;
  /** Whether the clusters have users. */
  readonly auth?: boolean;
}
