import type { Entry } from '@quorate/wire';
import { fromConfState } from './configuration.ts';
import type { Configuration } from './configuration.ts';
import { RaftOptionsError } from './errors.ts';
import { RaftLog } from './log.ts';
import { noNode } from './types.ts';
import type { RaftOptions } from './types.ts';

const defaults = {
  preVote: true,
  checkQuorum: true,
  stepDownOnRemoval: false,
  maxSizePerMessage: 1024 * 1024,
  maxInflightMessages: 512,
  maxInflightSize: Infinity,
  maxUncommittedSize: Infinity,
  maxCommittedSizePerReady: 1024 * 1024,
  maxPendingReads: 10_000,
  takeSnapshot: () => undefined,
} satisfies Partial<RaftOptions>;

/** Options with their defaults filled in. */
export type Settings = Omit<RaftOptions, 'confState' | 'hardState' | 'snapshot' | 'entries' | 'applied'> &
  Required<Pick<RaftOptions, keyof typeof defaults>>;

/** The options in force. @throws RaftOptionsError when one makes no sense */
export function settingsFrom(options: RaftOptions): Settings {
  const settings = { ...defaults, ...options };
  if (settings.id === noNode) throw new RaftOptionsError('the ID 0 means nobody');
  const ticks = [settings.heartbeatTicks, settings.electionTicks];
  if (!ticks.every((count) => Number.isSafeInteger(count) && count > 0))
    throw new RaftOptionsError('ticks are whole numbers above 0');
  if (settings.electionTicks <= settings.heartbeatTicks)
    throw new RaftOptionsError('an election must wait for more than one heartbeat');
  const limits = [
    settings.maxSizePerMessage,
    settings.maxInflightMessages,
    settings.maxInflightSize,
    settings.maxUncommittedSize,
    settings.maxCommittedSizePerReady,
    settings.maxPendingReads,
  ];
  if (!limits.every((limit) => limit > 0)) throw new RaftOptionsError('a limit lets something through');
  return settings;
}

/** The log as it was found on disk. @throws RaftOptionsError when no log of Raft's can look so */
export function logFrom(options: RaftOptions): RaftLog {
  const { hardState, snapshot, applied } = options;
  const entries = withoutReplaced(options);
  checkOrder(snapshot, entries);
  const lastIndex = snapshot.index + entries.length;
  if (applied < snapshot.index) throw new RaftOptionsError('a snapshot is ahead of what was applied');
  if (applied > lastIndex) throw new RaftOptionsError(`entry ${applied} was applied and is not in the log`);
  if (hardState.commit > lastIndex)
    throw new RaftOptionsError(`entry ${hardState.commit} was committed and is not in the log`);
  return new RaftLog({
    ...{ snapshotIndex: snapshot.index, snapshotTerm: snapshot.term, entries, applied },
    // The commit index is written without a sync and may be older than what it led to.
    committed: Math.max(hardState.commit, applied),
  });
}

/** The configuration as of `applied`. @throws RaftOptionsError when it is none */
export function configurationFrom(options: RaftOptions): Configuration {
  try {
    return fromConfState(options.confState ?? options.snapshot.confState);
  } catch (cause) {
    throw new RaftOptionsError('the configuration found on disk is none', { cause });
  }
}

/**
 * The entries that belong after the snapshot. One of an earlier term than the snapshot's cannot: it is left
 * from a log which that snapshot replaced, and all that follow it are too.
 */
function withoutReplaced({ snapshot, entries, hardState }: RaftOptions): readonly Entry[] {
  const first = entries[0];
  const replaced = first !== undefined && first.term < snapshot.term && hardState.commit <= snapshot.index;
  return replaced ? [] : entries;
}

function checkOrder(
  snapshot: { readonly index: number; readonly term: number },
  entries: readonly Entry[],
): void {
  let last: { readonly index: number; readonly term: number } = snapshot;
  for (const entry of entries) {
    if (entry.index !== last.index + 1) throw new RaftOptionsError(`entry ${last.index + 1} is missing`);
    if (entry.term < last.term) throw new RaftOptionsError(`the term goes back at entry ${entry.index}`);
    last = entry;
  }
}
