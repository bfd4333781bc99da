import { RaftNode } from '@quorate/raft';
import type { ConfState, Snapshot } from '@quorate/wire';
import type { OpenedLog } from './bootstrap.ts';
import { emptyConfState } from './open-state.ts';
import type { FullOptions } from './options.ts';

/** The consensus core of a member, as its log and its store left it. */
export function openNode(
  options: FullOptions,
  left: {
    readonly log: OpenedLog;
    /** The entry that the store stands for, and the configuration as of it. */
    readonly applied: number;
    readonly confState: ConfState;
  },
  takeSnapshot: () => Snapshot | undefined,
): RaftNode {
  const { log, applied, confState } = left;
  const { memberId: id, hardState, entries, snapshot } = log;
  return new RaftNode({
    ...{ id, hardState, entries, applied, confState, takeSnapshot },
    electionTicks: Math.max(2, Math.floor(options.electionTimeoutMs / options.heartbeatIntervalMs)),
    heartbeatTicks: 1,
    random: options.random,
    snapshot: {
      index: snapshot.index,
      term: snapshot.term,
      confState: snapshot.confState ?? emptyConfState(),
    },
    preVote: options.preVote,
    maxSizePerMessage: options.maxAppendBytes,
    maxInflightMessages: options.maxInflightAppends,
  });
}
