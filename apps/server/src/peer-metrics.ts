import { exponential, type MetricMaker } from './metric-maker.ts';

/**
 * Metrics of the traffic between members. A cluster of one has none, so they stay without a series; their names
 * are there, since dashboards and alerts ask for them.
 */
export function registerPeerMetrics(make: MetricMaker): void {
  make.labelledCounter('etcd_network_peer_sent_bytes_total', 'Bytes sent to members.', ['To']);
  make.labelledCounter('etcd_network_peer_received_bytes_total', 'Bytes received from members.', ['From']);
  make.labelledCounter('etcd_network_peer_sent_failures_total', 'Messages to members that failed.', ['To']);
  make.labelledCounter('etcd_network_peer_received_failures_total', 'Messages of members that failed.', [
    'From',
  ]);
  make.histogram(
    'etcd_network_peer_round_trip_time_seconds',
    'Time of a message to a member and back.',
    exponential(0.0001, 2, 16),
    ['To'],
  );
  make.labelled('etcd_network_active_peers', 'Members that are reached.', ['Local', 'Remote']);
  make.counter('etcd_server_heartbeat_send_failures_total', 'Heartbeats that could not be sent in time.');
}
