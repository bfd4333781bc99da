import type { PlantedBug } from './planted-bug.ts';

/** Mistakes in what members make of the log: keys, leases, watches, reads. */
export const stateBugs: readonly PlantedBug[] = [
  {
    name: 'read-not-awaiting-apply',
    file: 'packages/replica/src/read-index.ts',
    edits: [
      {
        find: 'if (applied >= index) this.#release(round.group);',
        replace: 'if (applied >= 0) this.#release(round.group);',
      },
    ],
    why: 'A read is answered before the member has applied what the leader said it must see.',
  },
  {
    name: 'read-index-id-reused',
    file: 'packages/replica/src/read-index.ts',
    edits: [
      {
        find: 'const context = this.#options.newContext();',
        replace: 'const context = (this.#context ??= this.#options.newContext());',
      },
      { find: '#slowCount = 0;', replace: '#slowCount = 0;\n  #context: Uint8Array | undefined;' },
    ],
    faults: ['pause', 'campaign'],
    why: 'All ReadIndex rounds of a member have the same id: an answer to an old one releases a new one.',
  },
  {
    name: 'reads-join-round-under-way',
    file: 'packages/replica/src/read-index.ts',
    edits: [
      {
        find: 'this.#next ??= [];\n    this.#next.push(read);',
        replace:
          'for (const round of this.#byContext.values()) {\n      round.group.push(read);\n      return read;\n    }\n    this.#next ??= [];\n    this.#next.push(read);',
      },
    ],
    faults: ['pause', 'campaign'],
    why: 'A read joins a round that may have been answered before it began.',
  },
  {
    name: 'stale-leader-revokes',
    file: 'packages/replica/src/lease-keeper.ts',
    edits: [
      { find: 'if (!leadership.isCertain) {', replace: 'if (node.term < 0) {' },
      { find: 'this.#queue.length > 0 && leadership.isCertain) {', replace: 'this.#queue.length > 0) {' },
      {
        find: 'raftRequestField.leaseRevoke, rpcpb.LeaseRevokeRequest.encode({ ID }).finish(), {\n          onlyInTerm: node.term,\n        })',
        replace: 'raftRequestField.leaseRevoke, rpcpb.LeaseRevokeRequest.encode({ ID }).finish())',
      },
    ],
    faults: ['pause', 'leaseStorm'],
    auth: false,
    why: 'A leader that stood still revokes leases that its successor has prolonged.',
  },
  {
    name: 'promotion-does-not-extend',
    file: 'packages/lease/src/lessor.ts',
    edits: [
      {
        find: 'lease.expiryMs = nowMs + leftSeconds(lease) * 1000 + this.#options.electionTimeoutMs;',
        replace: 'lease.expiryMs = nowMs + this.#options.electionTimeoutMs;',
      },
    ],
    why: 'A new leader gives leases no time of their own, and revokes them at once.',
  },
  {
    name: 'renewal-forgotten',
    file: 'packages/lease/src/lessor.ts',
    edits: [
      {
        find: 'if (lease.expiryMs <= nowMs) throw new LeaseExpiredError(id);\n    this.#setExpiry(lease, nowMs + lease.ttlSeconds * 1000);',
        replace: 'if (lease.expiryMs <= nowMs) throw new LeaseExpiredError(id);',
      },
    ],
    why: 'A lease is said to be renewed, and expires as if it had not been.',
  },
  {
    name: 'lease-keys-one-by-one',
    file: 'packages/replica/src/applier.ts',
    edits: [
      {
        find: 'this.#write((txn) => {\n      for (const key of keys) txn.deleteRange(keyRange(fromLatin1(key), emptyBytes));\n    });',
        replace:
          'for (const key of keys) this.#write((txn) => txn.deleteRange(keyRange(fromLatin1(key), emptyBytes)));',
      },
    ],
    why: 'The keys of a lease go in a revision each.',
  },
  {
    name: 'detached-key-stays-on-lease',
    file: 'packages/mvcc/src/write-txn.ts',
    edits: [{ find: 'if (old !== 0n) this.#host.leases?.detach(old, key);', replace: '' }],
    why: 'A key that was put without its lease still goes with it.',
  },
  {
    name: 'request-ids-start-over',
    file: 'packages/replica/src/request-ids.ts',
    edits: [
      {
        find: 'this.#suffix = (Math.floor(options.startedAtMs) % 2 ** 40) * 256;',
        replace: 'this.#suffix = 0;',
      },
    ],
    faults: ['crash'],
    why: 'After a restart request ids are used again: a client hears the outcome of another request.',
  },
  {
    name: 'version-kept-over-delete',
    file: 'packages/mvcc/src/write-txn.ts',
    edits: [
      {
        find: 'const prev = head > 0 ? log.bytesOf(head) : undefined;\n    this.#count(prev);',
        replace:
          'const prev = head > 0 ? log.bytesOf(head) : undefined;\n    this.#count(head === 0 ? undefined : log.bytesOf(Math.abs(head)));',
      },
    ],
    why: 'A key that was deleted and put again goes on with its old version and create revision.',
  },
  {
    name: 'compaction-takes-newest',
    file: 'packages/mvcc/src/key-index.ts',
    edits: [
      {
        find: 'const goes = versions.isTombstone(last) && versions.main(last) < revision;',
        replace:
          'const goes = versions.main(last) < revision && (versions.isTombstone(last) || versions.main(newest) > revision);',
      },
    ],
    faults: ['crash'],
    why: 'A compaction takes the value that a key has at the compacted revision, when a newer one follows.',
  },
  {
    name: 'compaction-not-stored',
    file: 'packages/mvcc/src/store.ts',
    edits: [
      { find: "changes.put('meta', scheduledCompactKey, encodeRevisionKey(revision, 0));", replace: '' },
    ],
    why: 'That a compaction was asked for is not stored: after a crash in the middle its rows are half gone.',
  },
  {
    name: 'watch-loses-events-at-compaction',
    file: 'packages/watch/src/stream.ts',
    edits: [
      {
        find: 'if (watcher.next >= compactedRevision) return false;',
        replace:
          'if (watcher.next < compactedRevision) watcher.next = compactedRevision;\n    if (watcher.next >= 0) return false;',
      },
      {
        find: '} else if (startRevision >= compactedRevision) {',
        replace: '} else if (startRevision >= 0) {',
      },
    ],
    why: 'A watcher that lags behind a compaction goes on without the events that are gone, and is not told.',
  },
  {
    name: 'watch-forgets-snapshot',
    file: 'packages/watch/src/hub.ts',
    edits: [
      {
        find: 'for (const stream of [...this.#streams]) stream.unsyncAll(firstMissed);',
        replace: 'void firstMissed;',
      },
    ],
    faults: ['lag'],
    why: 'Watchers of a member that installs a snapshot miss the events that it skipped.',
  },
  {
    name: 'watch-resumes-late',
    file: 'packages/watch/src/catch-up.ts',
    edits: [
      { find: 'return { events, next: revision };', replace: 'return { events, next: revision + 1 };' },
    ],
    why: 'A watcher that catches up in several steps skips a revision between two of them.',
  },
  {
    name: 'snapshot-without-leases',
    file: 'packages/replica/src/store-export.ts',
    edits: [
      {
        find: "rows: () => (bucket === 'key' ? etcdRowsOf(snapshot) : snapshot.scan(bucket)),",
        replace:
          "rows: () => (bucket === 'key' ? etcdRowsOf(snapshot) : bucket === 'lease' ? snapshot.scan('auth') : snapshot.scan(bucket)),",
      },
    ],
    faults: ['lag', 'leaseStorm'],
    why: 'A member that catches up by snapshot knows no leases.',
  },
];
