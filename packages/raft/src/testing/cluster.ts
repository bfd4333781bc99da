import { invariant } from '@quorate/std';
import type { Entry, Message } from '@quorate/wire';
import { encodeConfChange } from '../conf-change.ts';
import type { ConfChangeSingle } from '../conf-change.ts';
import { messageType } from '../messages.ts';
import type { Ready } from '../types.ts';
import { Member } from './member.ts';
import type { MemberOptions } from './member.ts';
import { SafetyChecker } from './safety.ts';

/** What a step of a member brought about, for those who want to tell of it. */
export type ClusterEvent =
  | { readonly kind: 'ready'; readonly id: bigint; readonly ready: Ready }
  | { readonly kind: 'sent'; readonly message: Message }
  | { readonly kind: 'applied'; readonly id: bigint; readonly entry: Entry };

/**
 * A group of members and the network between them. Nothing happens by itself: whoever holds it says which member
 * makes which step and which message arrives, is lost or comes twice. Every step is checked for safety.
 */
export class Cluster {
  readonly members = new Map<bigint, Member>();
  readonly safety = new SafetyChecker();
  /** Messages under way, oldest first. */
  readonly network: Message[] = [];
  readonly #onEvent: (event: ClusterEvent) => void;

  /**
   * A new group begins as etcd's do: every member finds the same entries on its disk, which add the members one
   * by one. `ids` may name more nodes than are members at first; their disks are empty.
   */
  constructor(
    ids: readonly bigint[],
    group: { readonly voters: readonly bigint[]; readonly learners?: readonly bigint[] },
    options: MemberOptions = {},
    onEvent: (event: ClusterEvent) => void = () => {},
  ) {
    this.#onEvent = onEvent;
    const bootstrap = bootstrapEntries(group);
    for (const id of ids) {
      const isMember = group.voters.includes(id) || (group.learners ?? []).includes(id);
      this.members.set(id, new Member(id, isMember ? bootstrap : [], options));
    }
  }

  /** The member with that ID. @throws Error when there is none */
  member(id: bigint): Member {
    const member = this.members.get(id);
    if (member === undefined) throw new Error(`there is no node ${id}`);
    return member;
  }

  /** Makes any step of a member and checks what came of it. */
  act<T>(id: bigint, action: (member: Member) => T): T {
    const member = this.member(id);
    const result = action(member);
    this.safety.check(member, this.members);
    return result;
  }

  /** A member takes its next Ready; says whether there was one. */
  takeReady(id: bigint): boolean {
    const ready = this.act(id, (member) => member.takeReady());
    if (ready === undefined) return false;
    this.safety.checkReady(this.member(id), ready);
    this.#onEvent({ kind: 'ready', id, ready });
    for (const message of ready.messages) this.#send(message);
    return true;
  }

  /** A member saves its oldest Ready; says whether there was one. */
  save(id: bigint): boolean {
    if (this.member(id).writeCount === 0) return false;
    const messages = this.act(id, (member) => member.save());
    for (const message of messages) this.#send(message);
    return true;
  }

  /** A member applies the next entry; says whether there was one. */
  applyNext(id: bigint): boolean {
    const entry = this.act(id, (member) => member.applyNext());
    if (entry === undefined) return false;
    this.safety.checkApplied(this.member(id));
    this.#onEvent({ kind: 'applied', id, entry });
    return true;
  }

  /** A member does all it can without the others. */
  run(id: bigint): void {
    for (let rest = 10_000; rest > 0; rest--) {
      const moved = this.takeReady(id);
      if (!this.save(id) && !this.applyNext(id) && !moved) return;
    }
    invariant(false, 'a node that hears nothing comes to rest');
  }

  /** A member asks for a read index. */
  read(id: bigint, context: Uint8Array): void {
    this.safety.readBegins(context);
    this.act(id, (member) => member.node.readIndex(context));
  }

  /** Takes a message off the network and hands it over. */
  deliver(message: Message): void {
    this.#takeOff(message);
    const receiver = this.members.get(message.to);
    const arrives = receiver?.isUp === true;
    if (arrives) this.act(message.to, ({ node }) => node.step(message));
    this.#reportSnapshot(message, arrives);
  }

  /** Takes a message off the network for nothing. */
  drop(message: Message): void {
    this.#takeOff(message);
    this.#reportSnapshot(message, false);
  }

  #takeOff(message: Message): void {
    const at = this.network.indexOf(message);
    invariant(at >= 0, 'only what is under way can arrive or be lost');
    this.network.splice(at, 1);
  }

  /** Transports know how a snapshot fared. */
  #reportSnapshot(message: Message, ok: boolean): void {
    const sender = this.members.get(message.from);
    if (message.type !== messageType.MsgSnap || sender?.isUp !== true) return;
    this.act(message.from, ({ node }) => node.reportSnapshot(message.to, ok));
  }

  #send(message: Message): void {
    this.network.push(message);
    this.#onEvent({ kind: 'sent', message });
  }
}

/** The committed entries of term 1 that a new group begins with. */
export function bootstrapEntries(group: {
  readonly voters: readonly bigint[];
  readonly learners?: readonly bigint[];
}): Entry[] {
  const changes: ConfChangeSingle[] = [
    ...group.voters.map((nodeId) => ({ type: 'addNode' as const, nodeId })),
    ...(group.learners ?? []).map((nodeId) => ({ type: 'addLearner' as const, nodeId })),
  ];
  return changes.map((change, i) => ({ term: 1, index: i + 1, type: 1, data: encodeConfChange(change) }));
}
