import { invariant } from '@quorate/std';

/** How a vote stands: decided one way or the other, or still open. */
export type VoteResult = 'won' | 'lost' | 'pending';

/**
 * The largest number that a majority has reached, given what each one has; of nobody, infinity (an empty
 * half of a configuration decides nothing). Sorts `values`.
 */
export function majorityValue(values: number[]): number {
  const count = values.length;
  if (count === 0) return Infinity;
  if (count === 1) return values[0]!;
  // Insertion sort, largest first: voters are few, and `sort` with a comparator allocates.
  for (let i = 1; i < count; i++) {
    const value = values[i]!;
    let at = i;
    for (; at > 0 && values[at - 1]! < value; at--) values[at] = values[at - 1]!;
    values[at] = value;
  }
  const reached = values[count >> 1]!;
  invariant(reached <= values[0]!, 'a majority cannot be ahead of everybody');
  return reached;
}

/** The result among one set of voters; of nobody, won. */
export function majorityVote(voters: ReadonlySet<bigint>, votes: ReadonlyMap<bigint, boolean>): VoteResult {
  const needed = (voters.size >> 1) + 1;
  let granted = 0;
  let missing = 0;
  for (const voter of voters) {
    const vote = votes.get(voter);
    if (vote === true) granted++;
    else if (vote === undefined) missing++;
  }
  if (voters.size === 0 || granted >= needed) return 'won';
  return granted + missing >= needed ? 'pending' : 'lost';
}

/** The result in a configuration with two halves, both of which must agree (Raft thesis §4.3). */
export function jointVote(
  config: { readonly voters: ReadonlySet<bigint>; readonly votersOutgoing: ReadonlySet<bigint> },
  votes: ReadonlyMap<bigint, boolean>,
): VoteResult {
  const incoming = majorityVote(config.voters, votes);
  const outgoing = majorityVote(config.votersOutgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}
