import { crc32c } from '@quorate/std';
import { decodeRaftEnvelope, type Entry } from '@quorate/wire';
import type { AppliedAuthEntry } from '../../history/auth.ts';
import type { AppliedEntry } from '../../history/types.ts';
import { identityOf, loggedAuthRequest } from '../clients/auth-from-wire.ts';
import { loggedRequest } from '../clients/from-wire.ts';
import { SafetyViolation } from './safety-violation.ts';

/** An entry that some member has applied. */
interface CommittedEntry {
  readonly term: number;
  readonly checksum: number;
  /** The term of whoever applied it first, at that time: it was committed in that one or an earlier one. */
  readonly committedBy: number;
  /** Who applied it first. */
  readonly member: string;
}

/** The log as it was committed, put together from what all members apply: none may apply anything else. */
export class TruthLog {
  readonly #committed = new Map<number, CommittedEntry>();
  readonly #states = new Map<number, { readonly digest: number; readonly member: string }>();
  readonly applied: (AppliedEntry & { revision?: number })[] = [];
  /** Those about users, roles and permissions. */
  readonly appliedAuth: AppliedAuthEntry[] = [];
  #lastIndex = 0;

  /** The highest index that was applied anywhere. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /**
   * The term of an entry that was committed before that term: whoever leads in it has the entry (Raft thesis §3.6.3).
   * Undefined where that is not known; a leader of an earlier term may lack what later ones have committed.
   */
  termCommittedBefore(index: number, term: number): number | undefined {
    const entry = this.#committed.get(index);
    return entry !== undefined && entry.committedBy < term ? entry.term : undefined;
  }

  /**
   * A member, in that term by then, applied these entries, and came to that revision of its store.
   *
   * @throws SafetyViolation
   */
  add(
    { member, term }: { readonly member: string; readonly term: number },
    entries: readonly Entry[],
    { atMs, revision }: { readonly atMs: number; readonly revision: number | undefined },
  ): void {
    const lastIndex = this.#lastIndex;
    for (const entry of entries) this.#add({ member, memberTerm: term }, entry, atMs);
    const last = this.applied.at(-1);
    // Whatever came after the last one of these that we keep has made no revision.
    if (this.#lastIndex > lastIndex && revision !== undefined && last !== undefined) last.revision = revision;
  }

  /** What a member's state is after an index. @throws SafetyViolation when another one has a different one */
  addState(member: string, index: number, digest: number): void {
    const known = this.#states.get(index);
    if (known === undefined) this.#states.set(index, { digest, member });
    else if (known.digest !== digest)
      throw new SafetyViolation('equal states', `${known.member} and ${member} differ after entry ${index}`);
  }

  #add(
    { member, memberTerm }: { readonly member: string; readonly memberTerm: number },
    entry: Entry,
    atMs: number,
  ): void {
    const { index, term, data, type } = entry;
    const checksum = crc32c(data);
    const known = this.#committed.get(index);
    if (known !== undefined) {
      if (known.term === term && known.checksum === checksum) return;
      const other = `${known.member} applied one of term ${known.term}`;
      throw new SafetyViolation(
        'state machine safety',
        `${member} applies entry ${index} of term ${term}; ${other}`,
      );
    }
    if (index !== this.#lastIndex + 1)
      throw new SafetyViolation(
        'order of apply',
        `${member} applies entry ${index} before ${this.#lastIndex + 1}`,
      );
    this.#committed.set(index, { term, checksum, committedBy: memberTerm, member });
    this.#lastIndex = index;
    if (type !== 0 || data.length === 0) return;
    const envelope = decodeRaftEnvelope(data);
    const from = identityOf(envelope);
    const request = loggedRequest(envelope);
    if (request !== undefined) this.applied.push({ index, request, at: atMs, from });
    const authRequest = request === undefined ? loggedAuthRequest(envelope) : undefined;
    if (authRequest !== undefined) this.appliedAuth.push({ index, request: authRequest, at: atMs, from });
  }
}
