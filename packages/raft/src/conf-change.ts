import { emptyBytes } from '@quorate/std';
import { raftpb } from '@quorate/wire';
import type { Entry } from '@quorate/wire';
import { ConfChangeError } from './errors.ts';

/** What is to happen to one member. `updateNode` changes nothing here; its context is for the owner. */
export type ConfChangeType = 'addNode' | 'removeNode' | 'updateNode' | 'addLearner';

/** One step of a change; `nodeId` 0n means nobody, and does nothing. */
export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: bigint;
}

/**
 * How to get from one configuration to the next: `auto` goes through a joint one only when several members
 * change, the other two always do; of those, `jointExplicit` stays joint until an empty change is proposed.
 */
export type ConfChangeTransition = 'auto' | 'jointImplicit' | 'jointExplicit';

/** A change of the configuration (raftpb.ConfChangeV2 without its context). */
export interface ConfChangeV2 {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
}

/** A change as it stood in an entry. `id` is 0n for version 2, which has none. */
export interface DecodedConfChange extends ConfChangeV2 {
  readonly id: bigint;
  readonly context: Uint8Array;
}

/** A change that changes nothing: for an entry that the owner refuses when it comes to apply it. */
export const noConfChange: ConfChangeV2 = {
  transition: 'auto',
  changes: [{ type: 'addNode', nodeId: 0n }],
};

const types: readonly ConfChangeType[] = ['addNode', 'removeNode', 'updateNode', 'addLearner'];
const transitions: readonly ConfChangeTransition[] = ['auto', 'jointImplicit', 'jointExplicit'];

/**
 * The change in an entry of type 1 (raftpb.ConfChange) or 2 (raftpb.ConfChangeV2).
 *
 * @throws ConfChangeError when the entry is of another type or its bytes are none of a change
 */
export function decodeConfChange(entry: Pick<Entry, 'type' | 'data'>): DecodedConfChange {
  try {
    if (entry.type === raftpb.EntryType.EntryConfChange) return decodeVersion1(entry.data);
    if (entry.type === raftpb.EntryType.EntryConfChangeV2) return decodeVersion2(entry.data);
  } catch (cause) {
    if (cause instanceof ConfChangeError) throw cause;
    throw new ConfChangeError('the bytes of the entry are no configuration change', { cause });
  }
  throw new ConfChangeError(`an entry of type ${entry.type} holds no configuration change`);
}

/** Bytes of a raftpb.ConfChange, for an entry of type 1. */
export function encodeConfChange(
  change: ConfChangeSingle & { readonly id?: bigint; readonly context?: Uint8Array },
): Uint8Array {
  return raftpb.ConfChange.encode({
    id: change.id ?? 0n,
    type: typeNumber(change.type),
    nodeId: change.nodeId,
    context: change.context ?? emptyBytes,
  }).finish();
}

/** Bytes of a raftpb.ConfChangeV2, for an entry of type 2; none at all for the change that leaves a joint configuration. */
export function encodeConfChangeV2(change: ConfChangeV2 & { readonly context?: Uint8Array }): Uint8Array {
  const transition = raftpb.ConfChangeTransition;
  return raftpb.ConfChangeV2.encode({
    transition: {
      auto: transition.ConfChangeTransitionAuto,
      jointImplicit: transition.ConfChangeTransitionJointImplicit,
      jointExplicit: transition.ConfChangeTransitionJointExplicit,
    }[change.transition],
    changes: change.changes.map(({ type, nodeId }) => ({ type: typeNumber(type), nodeId })),
    context: change.context ?? emptyBytes,
  }).finish();
}

/** Whether a change asks to leave a joint configuration. */
export function leavesJoint(change: ConfChangeV2): boolean {
  return change.changes.length === 0 && change.transition === 'auto';
}

/** Whether a change goes through a joint configuration. */
export function entersJoint(change: ConfChangeV2): boolean {
  return change.changes.length > 1 || change.transition !== 'auto';
}

/** Whether a change is `noConfChange` in one of its spellings. */
export function changesNobody(change: ConfChangeV2): boolean {
  return change.changes.length === 1 && change.changes[0]?.nodeId === 0n && change.transition === 'auto';
}

function decodeVersion1(data: Uint8Array): DecodedConfChange {
  const change = raftpb.ConfChange.decode(data);
  return {
    id: change.id ?? 0n,
    context: change.context ?? emptyBytes,
    transition: 'auto',
    changes: [{ type: typeName(change.type), nodeId: change.nodeId ?? 0n }],
  };
}

function decodeVersion2(data: Uint8Array): DecodedConfChange {
  const change = raftpb.ConfChangeV2.decode(data);
  const transition = transitions[change.transition ?? 0];
  if (transition === undefined) throw new ConfChangeError(`unknown transition ${change.transition}`);
  return {
    id: 0n,
    context: change.context ?? emptyBytes,
    transition,
    changes: change.changes.map(({ type, nodeId }) => ({ type: typeName(type), nodeId: nodeId ?? 0n })),
  };
}

function typeName(number: number | undefined): ConfChangeType {
  const type = types[number ?? 0];
  if (type === undefined) throw new ConfChangeError(`unknown type of change ${number}`);
  return type;
}

function typeNumber(type: ConfChangeType): raftpb.ConfChangeType {
  switch (type) {
    case 'addNode':
      return raftpb.ConfChangeType.ConfChangeAddNode;
    case 'removeNode':
      return raftpb.ConfChangeType.ConfChangeRemoveNode;
    case 'updateNode':
      return raftpb.ConfChangeType.ConfChangeUpdateNode;
    case 'addLearner':
      return raftpb.ConfChangeType.ConfChangeAddLearnerNode;
  }
}
