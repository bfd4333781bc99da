import { boolean } from '../field.ts';

/** Switches of etcd 3.6 that are feature gates since (reference: flags of 3.6 that main no longer has). */
export const experimentalFields = {
  experimentalInitialCorruptCheck: boolean(false, {
    flag: 'experimental-initial-corrupt-check',
    section: 'experimental',
    gate: 'InitialCorruptCheck',
    description: 'Compare hashes with the other members before serving.',
  }),
  experimentalCompactHashCheck: boolean(false, {
    flag: 'experimental-compact-hash-check-enabled',
    section: 'experimental',
    gate: 'CompactHashCheck',
    description: 'Compare hashes of compactions.',
  }),
  experimentalLeaseCheckpoint: boolean(false, {
    flag: 'experimental-enable-lease-checkpoint',
    section: 'experimental',
    gate: 'LeaseCheckpoint',
    description: 'Write down what is left of long leases.',
  }),
  experimentalLeaseCheckpointPersist: boolean(false, {
    flag: 'experimental-enable-lease-checkpoint-persist',
    section: 'experimental',
    gate: 'LeaseCheckpointPersist',
    description: 'Keep that over a restart.',
  }),
  experimentalStopGrpcOnDefrag: boolean(false, {
    flag: 'experimental-stop-grpc-service-on-defrag',
    section: 'experimental',
    gate: 'StopGRPCServiceOnDefrag',
    ignored: 'defragmentation does not block the member',
    description: 'Report NOT_SERVING during a defragmentation.',
  }),
  experimentalTxnSharedBuffer: boolean(true, {
    flag: 'experimental-txn-mode-write-with-shared-buffer',
    section: 'experimental',
    gate: 'TxnModeWriteWithSharedBuffer',
    ignored: 'reads within a transaction copy nothing',
    description: 'Read through a shared buffer in a write transaction.',
  }),
};
