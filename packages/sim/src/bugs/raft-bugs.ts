import type { PlantedBug } from './planted-bug.ts';

/** Mistakes in consensus itself. */
export const raftBugs: readonly PlantedBug[] = [
  {
    name: 'vote-not-synced',
    file: 'packages/raft/src/raft-node.ts',
    edits: [
      {
        find: 'mustSync: entries.length > 0 || snapshot !== undefined || isNewTermOrVote,',
        replace: 'mustSync: entries.length > 0 || snapshot !== undefined,',
      },
    ],
    why: 'A vote leaves before it is on disk: after a crash the member votes again in the same term.',
  },
  {
    name: 'vote-twice',
    file: 'packages/raft/src/election.ts',
    edits: [
      {
        find: 'const isFree = core.vote === 0n && core.leader === 0n;',
        replace: 'const isFree = core.leader === 0n;',
      },
    ],
    why: 'A member gives its vote of one term to whoever asks.',
  },
  {
    name: 'vote-for-shorter-log',
    file: 'packages/raft/src/election.ts',
    edits: [
      {
        find: 'const grants = mayGrant && core.log.isUpToDate({ index: message.index, term: message.logTerm });',
        replace: 'const grants = mayGrant;',
      },
    ],
    why: 'A member that lacks committed entries can be elected.',
  },
  {
    name: 'older-term-committed-by-counting',
    file: 'packages/raft/src/replication.ts',
    edits: [
      {
        find: 'if (index <= core.log.committed || core.log.termAt(index) !== core.term) return false;',
        replace: 'if (index <= core.log.committed) return false;',
      },
    ],
    faults: ['usurp'],
    members: 3,
    why: 'Entries of an older term are committed by counting replicas, and may still be overwritten (figure 8).',
  },
  {
    name: 'leader-counts-unsynced',
    file: 'packages/raft/src/replication.ts',
    edits: [
      {
        find: 'if (self !== undefined && self.acceptedTo(core.log.stable)) advanceCommit(core);',
        replace: 'if (self !== undefined && self.acceptedTo(core.log.lastIndex)) advanceCommit(core);',
      },
    ],
    why: 'A leader counts entries that are not on its own disk yet.',
  },
  {
    name: 'commit-beyond-match',
    file: 'packages/raft/src/following.ts',
    edits: [
      {
        find: 'log.commitTo(Math.min(message.commit, last));',
        replace: 'log.commitTo(Math.min(message.commit, log.lastIndex));',
      },
    ],
    faults: ['usurp'],
    why: 'A follower commits entries behind those that it knows to be the leader’s.',
  },
  {
    name: 'heartbeat-commits-unmatched',
    file: 'packages/raft/src/replication.ts',
    edits: [
      {
        find: 'commit: Math.min(progress.match, core.log.committed),',
        replace: 'commit: core.log.committed,',
      },
    ],
    faults: ['usurp'],
    why: 'A heartbeat tells of commits beyond what the follower is known to have.',
  },
  {
    name: 'log-match-unchecked',
    file: 'packages/raft/src/following.ts',
    edits: [
      {
        find: 'if (!log.matches(message.index, message.logTerm)) return refuse(core, message);',
        replace: 'if (message.index > log.lastIndex) return refuse(core, message);',
      },
    ],
    faults: ['usurp'],
    why: 'A follower appends without looking at the term of the entry before.',
  },
  {
    name: 'read-before-first-commit',
    file: 'packages/raft/src/reading.ts',
    edits: [
      {
        find: 'const knowsCommits = log.termAt(log.committed) === core.term;',
        replace: 'const knowsCommits = true;',
      },
    ],
    faults: ['usurp', 'crash'],
    why: 'A new leader answers reads before it knows all that is committed.',
  },
  {
    name: 'read-without-quorum',
    file: 'packages/raft/src/reading.ts',
    edits: [
      {
        find: 'if (knowsCommits && core.tracker.isSingleVoter) return answer(core, read, log.committed);',
        replace: 'if (knowsCommits) return answer(core, read, log.committed);',
      },
    ],
    faults: ['partition', 'pause'],
    why: 'A leader answers reads without asking whether it still leads.',
  },
  {
    name: 'read-position-reused',
    file: 'packages/raft/src/read-queue.ts',
    edits: [
      {
        find: 'this.#position++;',
        replace: 'if (this.#rounds.length === 0) this.#position = 1;\n    else this.#position++;',
      },
    ],
    faults: ['partition', 'pause'],
    members: 3,
    why: 'Rounds of reads begin at the same number again: an answer to an old heartbeat confirms a new read.',
  },
  {
    name: 'learner-counts',
    file: 'packages/raft/src/tracker.ts',
    edits: [
      {
        find: 'this.#incoming = [...config.voters].map((id) => this.#progress.get(id)!);',
        replace:
          'this.#incoming = [...config.voters, ...config.learners].slice(-Math.max(1, config.voters.size)).map((id) => this.#progress.get(id)!);',
      },
    ],
    faults: ['membership', 'usurp'],
    members: 3,
    why: 'Learners count for the quorum of commits, in place of voters.',
  },
  {
    name: 'applied-before-stable',
    file: 'packages/raft/src/log.ts',
    edits: [
      {
        find: 'return this.#pendingSnapshot === undefined && Math.min(this.#committed, this.#stable) > this.#applying;',
        replace: 'return this.#pendingSnapshot === undefined && this.#committed > this.#applying;',
      },
      {
        find: 'const entries = this.slice(this.#applying + 1, sizeMax, Math.min(this.#committed, this.#stable));',
        replace: 'const entries = this.slice(this.#applying + 1, sizeMax, this.#committed);',
      },
      {
        find: "invariant(this.#applying <= this.#stable, 'an entry is applied only after it is on disk');",
        replace: '',
      },
      {
        find: "invariant(this.#applying <= this.#stable, 'only what is on disk is handed out');",
        replace: '',
      },
    ],
    why: 'Entries are applied before they are in the member’s own log: a crash leaves a store ahead of its log.',
  },
];
