import type { Caller } from './types.ts';

/** Somebody who has not said who he is. */
export const nobody: Caller = { kind: 'nobody' };

/** The member itself. */
export const theMember: Caller = { kind: 'member' };
