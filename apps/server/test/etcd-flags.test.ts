import { expect, test } from 'vitest';
import { parseCommandLine } from '../src/config/command-line.ts';
import { configKeys, legacyFlags, metaOf, namesOf } from '../src/config/schema.ts';

/** Every flag of etcd 3.6 and of its main branch (reference: flags and configuration). */
const etcdFlags = `
  name data-dir wal-dir snapshot-count snapshot-catchup-entries heartbeat-interval election-timeout
  initial-election-tick-advance listen-peer-urls listen-client-urls listen-client-http-urls max-wals max-snapshots
  memory-mlock quota-backend-bytes backend-bbolt-freelist-type backend-batch-interval backend-batch-limit max-txn-ops
  max-request-bytes max-concurrent-streams grpc-keepalive-min-time grpc-keepalive-interval grpc-keepalive-timeout
  socket-reuse-port socket-reuse-address enable-grpc-gateway raft-read-timeout raft-write-timeout feature-gates
  initial-advertise-peer-urls initial-cluster initial-cluster-state initial-cluster-token advertise-client-urls
  discovery-token discovery-endpoints discovery-dial-timeout discovery-request-timeout discovery-keepalive-time
  discovery-keepalive-timeout discovery-insecure-transport discovery-insecure-skip-tls-verify discovery-cert
  discovery-key discovery-cacert discovery-user discovery-password discovery-srv discovery-srv-name
  discovery-fallback strict-reconfig-check pre-vote auto-compaction-retention auto-compaction-mode max-learners
  cert-file key-file client-cert-file client-key-file trusted-ca-file client-crl-file client-cert-auth
  client-cert-allowed-hostname auto-tls peer-cert-file peer-key-file peer-client-cert-file peer-client-key-file
  peer-trusted-ca-file peer-crl-file peer-client-cert-auth peer-cert-allowed-cn peer-cert-allowed-hostname
  peer-auto-tls peer-skip-client-san-verification self-signed-cert-validity cipher-suites tls-min-version
  tls-max-version cors host-whitelist auth-token auth-token-ttl bcrypt-cost logger log-outputs log-level log-format
  enable-log-rotation log-rotation-config-json enable-pprof metrics listen-metrics-urls enable-distributed-tracing
  distributed-tracing-address distributed-tracing-service-name distributed-tracing-instance-id
  distributed-tracing-sampling-rate warning-unary-request-duration warning-apply-duration corrupt-check-time
  compact-hash-check-time compaction-batch-limit compaction-sleep-interval watch-progress-notify-interval
  downgrade-check-time bootstrap-defrag-threshold-megabytes force-new-cluster unsafe-no-fsync
  discovery discovery-proxy v2-deprecation
`
  .trim()
  .split(/\s+/);

const experimental = `
  bootstrap-defrag-threshold-megabytes compact-hash-check-enabled compact-hash-check-time compaction-batch-limit
  compaction-sleep-interval corrupt-check-time distributed-tracing-address distributed-tracing-service-name
  distributed-tracing-instance-id distributed-tracing-sampling-rate downgrade-check-time enable-distributed-tracing
  enable-lease-checkpoint enable-lease-checkpoint-persist initial-corrupt-check memory-mlock
  peer-skip-client-san-verification snapshot-catchup-entries stop-grpc-service-on-defrag
  txn-mode-write-with-shared-buffer warning-apply-duration warning-unary-request-duration
  watch-progress-notify-interval max-learners
`
  .trim()
  .split(/\s+/)
  .map((name) => `experimental-${name}`);

test('the flags are those of etcd: none is missing, none is made up but those marked so', () => {
  const ours = configKeys.filter((key) => metaOf(key).own !== true).flatMap(namesOf);
  expect([...ours].sort()).toEqual([...etcdFlags, ...experimental].sort());
});

test('flags of our own are none of etcd', () => {
  const own = configKeys.filter((key) => metaOf(key).own === true).map((key) => metaOf(key).flag);
  expect(own).toContain('max-connections');
  for (const flag of own) expect(etcdFlags).not.toContain(flag);
});

test('flags that etcd has long forgotten are still taken', () => {
  const old =
    'cluster-active-size cluster-remove-delay cluster-sync-interval config force max-result-buffer max-retry-attempts peer-heartbeat-interval peer-election-timeout retry-interval snapshot v vv';
  expect([...legacyFlags].sort()).toEqual(old.split(' ').sort());
  expect(parseCommandLine(old.split(' ').map((flag) => `--${flag}=1`)).action).toBe('run');
});
