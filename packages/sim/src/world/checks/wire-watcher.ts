import { crc32c } from '@quorate/std';
import { raftpb, type Message } from '@quorate/wire';
import { SafetyViolation } from './safety-violation.ts';

const { MsgApp, MsgHeartbeat, MsgSnap, MsgVote, MsgVoteResp } = raftpb.MessageType;

/** An entry as it was first seen: what stands before it, and a checksum of what it says. */
interface SeenEntry {
  readonly previousTerm: number;
  readonly checksum: number;
}

/**
 * Listens to what members tell each other, from outside and across all crashes: one leader a term (Raft thesis,
 * figure 3.2), one vote a term, and logs that match.
 */
export class WireWatcher {
  readonly #leaders = new Map<number, bigint>();
  readonly #votes = new Map<string, bigint>();
  readonly #entries = new Map<string, SeenEntry>();

  /** A message leaves a member. @throws SafetyViolation */
  sent(message: Message): void {
    switch (message.type) {
      case MsgApp:
        this.#checkEntries(message);
        this.#checkLeader(message);
        break;
      case MsgHeartbeat:
      case MsgSnap:
        this.#checkLeader(message);
        break;
      case MsgVote:
        // Who asks for votes has given its own.
        this.#vote(message.from, message.from, message.term);
        break;
      case MsgVoteResp:
        if (!message.reject) this.#vote(message.from, message.to, message.term);
        break;
    }
  }

  /** A member says that it leads. @throws SafetyViolation */
  leads(id: bigint, term: number): void {
    const known = this.#leaders.get(term);
    if (known === undefined) this.#leaders.set(term, id);
    else if (known !== id)
      throw new SafetyViolation('election safety', `term ${term} is led by ${known} and by ${id}`);
  }

  #checkLeader({ from, term }: Message): void {
    this.leads(from, term);
  }

  #vote(voter: bigint, candidate: bigint, term: number): void {
    const key = `${voter}/${term}`;
    const known = this.#votes.get(key);
    if (known === undefined) this.#votes.set(key, candidate);
    else if (known !== candidate)
      throw new SafetyViolation('one vote', `${voter} votes for ${known} and ${candidate} in term ${term}`);
  }

  /** Log Matching, by induction: an entry that is the same has a predecessor that is the same. */
  #checkEntries({ logTerm, entries }: Message): void {
    let previousTerm = logTerm;
    for (const { index, term, data } of entries) {
      const key = `${term}/${index}`;
      const seen = { previousTerm, checksum: crc32c(data) };
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, seen);
      else if (known.previousTerm !== seen.previousTerm || known.checksum !== seen.checksum)
        throw new SafetyViolation(
          'log matching',
          `entry ${index} of term ${term} is not the same everywhere`,
        );
      previousTerm = term;
    }
  }
}
