import { emptyBytes } from '@quorate/std';
import { raftpb, type Entry } from '@quorate/wire';
import { compareIds } from './ids.ts';
import { encodeMember, encodePromotion, type Member, type NewMember } from './member.ts';

/** What happens to one member. */
export type MemberChangeType = 'addNode' | 'removeNode' | 'updateNode' | 'addLearner';

/** A configuration change as this package sees it: raft's, with the member in its context. */
export interface MemberChange {
  readonly type: MemberChangeType;
  readonly nodeId: bigint;
  /** JSON; see `encodeMember` and `encodePromotion`. Empty for a removal. */
  readonly context: Uint8Array;
}

/** Adds a member, as a voter or as a learner. */
export function addMemberChange(member: Pick<Member, 'id' | 'peerUrls' | 'isLearner'>): MemberChange {
  return {
    type: member.isLearner ? 'addLearner' : 'addNode',
    nodeId: member.id,
    context: encodeMember({ ...member, name: '', clientUrls: [] }),
  };
}

/** Makes a learner a voter. */
export function promoteMemberChange(id: bigint): MemberChange {
  return { type: 'addNode', nodeId: id, context: encodePromotion(id) };
}

/** Gives a member other peer URLs. */
export function updateMemberChange({ id, peerUrls }: Pick<Member, 'id' | 'peerUrls'>): MemberChange {
  const context = encodeMember({ id, peerUrls, isLearner: false, name: '', clientUrls: [] });
  return { type: 'updateNode', nodeId: id, context };
}

/** Removes a member for good. */
export function removeMemberChange(id: bigint): MemberChange {
  return { type: 'removeNode', nodeId: id, context: emptyBytes };
}

/**
 * The first entries of a new cluster: one change a member, in the order of their IDs, all of term 1 and all
 * committed. Every first member writes the same ones, byte for byte.
 */
export function bootstrapEntries(members: readonly NewMember[]): Entry[] {
  return [...members]
    .sort((a, b) => compareIds(a.id, b.id))
    .map((member, at) => ({
      term: 1,
      index: at + 1,
      type: raftpb.EntryType.EntryConfChange,
      data: encodeAddNode(member.id, encodeMember({ ...member, isLearner: false, clientUrls: [] })),
    }));
}

/**
 * raftpb.ConfChange with a request ID of 0, as etcd up to 3.6 writes it: scalars of zero are there, which the
 * generated encoder leaves out.
 *
 *     08 00   10 00   18 <varint node id>   22 <varint size> <context>
 */
function encodeAddNode(nodeId: bigint, context: Uint8Array): Uint8Array {
  const tail = raftpb.ConfChange.encode({ nodeId, context }).finish();
  const whole = new Uint8Array(4 + tail.length);
  whole.set([0x08, 0x00, 0x10, 0x00]);
  whole.set(tail, 4);
  return whole;
}
