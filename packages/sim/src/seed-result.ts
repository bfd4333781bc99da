import type { FaultKind } from './world/swarm.ts';

/** What a worker is asked for. */
export interface WorkerOrder {
  readonly seed: number;
  readonly members: number | undefined;
  readonly faults: readonly FaultKind[] | undefined;
  readonly auth: boolean | undefined;
}

/** What a seed came to, as it goes between processes. */
export interface SeedResult {
  readonly seed: number;
  readonly hash: number;
  readonly events: number;
  readonly simulatedMs: number;
  readonly operations: number;
  readonly tally: readonly (readonly [name: string, count: number])[];
  readonly failure: SeedFailure | undefined;
}

/** How a seed failed, in words. */
export interface SeedFailure {
  /** The error, its stack and its causes. */
  readonly text: string;
  /** All options of the seed, expanded. */
  readonly plan: string;
  /** The last things that happened. */
  readonly recent: readonly string[];
}
