import { boolean, duration, integer } from '../field.ts';

/** Settings that were `--experimental-*` up to etcd 3.6, and unsafe ones (reference: flags and configuration). */
export const behaviourFields = {
  compactionBatchLimit: integer(1_000, {
    flag: 'compaction-batch-limit',
    experimental: true,
    section: 'behaviour',
    min: 1,
    ignored: 'compaction goes in slices of a millisecond',
    description: 'Revisions removed in one batch.',
  }),
  compactionSleepMs: duration('10ms', {
    flag: 'compaction-sleep-interval',
    experimental: true,
    section: 'behaviour',
    description: 'Pause between slices of a compaction.',
  }),
  watchProgressIntervalMs: duration('10m', {
    flag: 'watch-progress-notify-interval',
    experimental: true,
    section: 'behaviour',
    description: 'Time between progress notifications of an idle watcher.',
  }),
  corruptCheckTimeMs: duration('0', {
    flag: 'corrupt-check-time',
    experimental: true,
    section: 'behaviour',
    description: 'Time between comparisons of the data of all members; 0 is never.',
  }),
  compactHashCheckTimeMs: duration('1m', {
    positive: true,
    flag: 'compact-hash-check-time',
    experimental: true,
    section: 'behaviour',
    description: 'Time between comparisons of compaction hashes, with the feature CompactHashCheck.',
  }),
  downgradeCheckTimeMs: duration('5s', {
    flag: 'downgrade-check-time',
    experimental: true,
    section: 'behaviour',
    description: 'Time between looks at a downgrade.',
  }),
  bootstrapDefragThreshold: integer(0, {
    flag: 'bootstrap-defrag-threshold-megabytes',
    experimental: true,
    section: 'behaviour',
    min: 0,
    ignored: 'there is nothing to defragment',
    description: 'Defragment at start when so much is free.',
  }),
  unsafeNoFsync: boolean(false, {
    flag: 'unsafe-no-fsync',
    section: 'behaviour',
    description: 'Acknowledge before the log is on disk: a crash loses data.',
  }),
};
