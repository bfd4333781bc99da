import { authBugs } from './auth-bugs.ts';
import type { PlantedBug } from './planted-bug.ts';
import { raftBugs } from './raft-bugs.ts';
import { stateBugs } from './state-bugs.ts';
import { storageBugs } from './storage-bugs.ts';

/** All bugs that can be planted. */
export const bugs: readonly PlantedBug[] = [...raftBugs, ...storageBugs, ...stateBugs, ...authBugs];

export const bugNames: readonly string[] = bugs.map(({ name }) => name);

/** @throws Error when there is no such bug */
export function bugByName(name: string): PlantedBug {
  const bug = bugs.find((candidate) => candidate.name === name);
  if (bug === undefined) throw new Error(`there is no planted bug ${name}`);
  return bug;
}
