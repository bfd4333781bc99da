import { boolean, duration, integer } from '../field.ts';

const clusters = 'clusters of several members';
const alone = 'this version runs clusters of one member';

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
    notBuilt: clusters,
    description: 'Time between comparisons of hashes.',
  }),
  compactHashCheckTimeMs: duration('1m', {
    positive: true,
    flag: 'compact-hash-check-time',
    experimental: true,
    section: 'behaviour',
    ignored: alone,
    description: 'Time between comparisons of compaction hashes.',
  }),
  downgradeCheckTimeMs: duration('5s', {
    flag: 'downgrade-check-time',
    experimental: true,
    section: 'behaviour',
    ignored: alone,
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
