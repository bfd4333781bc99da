import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/** Which cores the server and the generator may use: one each, or all of them. */
export const placements = ['pinned', 'shared'] as const;
export type Placement = (typeof placements)[number];

const cores = { server: 1, generator: 0 } as const;

/** Placed before a command, so that it runs where it should. */
export function pinTo(role: keyof typeof cores, placement: Placement): readonly string[] {
  return placement === 'pinned' ? ['taskset', '-c', String(cores[role])] : [];
}

/** The placements that this machine has: without two cores and taskset (util-linux) nothing can be pinned. */
export function placementsHere(): readonly Placement[] {
  const canPin = availableParallelism() > 1 && spawnSync('taskset', ['--version']).status === 0;
  return canPin ? placements : ['shared'];
}
