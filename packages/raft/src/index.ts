/** Raft consensus: a synchronous core that is told of time and messages, and says what to save, send and apply. */
export { RaftNode } from './raft-node.ts';
export { noNode } from './types.ts';
export type {
  ProgressState,
  ProgressStatus,
  RaftOptions,
  RaftStatus,
  Ready,
  ReadState,
  Role,
  SoftState,
} from './types.ts';
export {
  decodeConfChange,
  encodeConfChange,
  encodeConfChangeV2,
  entersJoint,
  leavesJoint,
  noConfChange,
} from './conf-change.ts';
export type {
  ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  DecodedConfChange,
} from './conf-change.ts';
export { ConfChangeError, RaftOptionsError } from './errors.ts';
