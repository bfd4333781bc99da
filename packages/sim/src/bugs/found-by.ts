/** A seed that finds each planted bug: the lowest one, as `npm run sim -- --bug all` has it. */
export const foundBy: Readonly<Record<string, number>> = {};
