import type { Caller } from './types.ts';

/** Somebody who has not said who he is. */
export const nobody: Caller = { kind: 'nobody' };

/** The member itself. */
export const theMember: Caller = { kind: 'member' };

/** Somebody whose token does not hold: whatever he asks for, that is what he is told. */
export const disproved: Caller = { kind: 'user', name: '', provenAt: 0 };
