import type { PeerObserver } from '@quorate/peer';
import { idToHex } from '@quorate/std';
import { exponential, type MetricMaker } from './metric-maker.ts';

/**
 * Metrics of the traffic between members (reference: metrics, `etcd_network_*`). The result makes the observer of
 * the transport of a member, once that knows its ID.
 */
export function registerPeerMetrics(make: MetricMaker): (local: bigint) => PeerObserver {
  const sent = make.labelledCounter('etcd_network_peer_sent_bytes_total', 'Bytes sent to members.', ['To']);
  const received = make.labelledCounter(
    'etcd_network_peer_received_bytes_total',
    'Bytes received from members.',
    ['From'],
  );
  const sendFailures = make.labelledCounter(
    'etcd_network_peer_sent_failures_total',
    'Messages to members that failed.',
    ['To'],
  );
  const receiveFailures = make.labelledCounter(
    'etcd_network_peer_received_failures_total',
    'Messages of members that failed.',
    ['From'],
  );
  const roundTrip = make.histogram(
    'etcd_network_peer_round_trip_time_seconds',
    'Time of a message to a member and back.',
    exponential(0.0001, 2, 16),
    ['To'],
  );
  const active = make.labelled('etcd_network_active_peers', 'Members that are reached.', ['Local', 'Remote']);
  const lost = make.labelledCounter(
    'etcd_network_disconnected_peers_total',
    'Times that a member was not reached any more.',
    ['Local', 'Remote'],
  );
  make.counter('etcd_server_heartbeat_send_failures_total', 'Heartbeats that could not be sent in time.');
  const snapshots = registerSnapshotMetrics(make);
  return (localId) => {
    const Local = idToHex(localId);
    return {
      onSent: ({ to, bytes }) => sent.inc({ To: idToHex(to) }, bytes),
      onReceived: ({ from, bytes }) => received.inc({ From: idToHex(from) }, bytes),
      onSendFailure: ({ to }) => sendFailures.inc({ To: idToHex(to) }),
      onReceiveFailure: ({ from }) => receiveFailures.inc({ From: idToHex(from) }),
      onRoundTrip: ({ to, seconds }) => roundTrip.observe({ To: idToHex(to) }, seconds),
      onActive: ({ peer }) => active.set({ Local, Remote: idToHex(peer) }, 1),
      onInactive: ({ peer }) => {
        active.set({ Local, Remote: idToHex(peer) }, 0);
        lost.inc({ Local, Remote: idToHex(peer) });
      },
      ...snapshots,
    };
  };
}

function registerSnapshotMetrics(make: MetricMaker): PeerObserver {
  const counter = (name: string, help: string, label: 'To' | 'From') =>
    make.labelledCounter(`etcd_network_snapshot_${name}`, help, [label]);
  const sendOk = counter('send_success', 'Snapshots sent.', 'To');
  const sendFailed = counter('send_failures', 'Snapshots that could not be sent.', 'To');
  const receiveOk = counter('receive_success', 'Snapshots received.', 'From');
  const receiveFailed = counter('receive_failures', 'Snapshots that could not be received.', 'From');
  const sending = make.labelled('etcd_network_snapshot_send_inflights_total', 'Snapshots being sent.', [
    'To',
  ]);
  const receiving = make.labelled(
    'etcd_network_snapshot_receive_inflights_total',
    'Snapshots being received.',
    ['From'],
  );
  const seconds = exponential(0.1, 2, 10);
  const sendTime = make.histogram(
    'etcd_network_snapshot_send_total_duration_seconds',
    'Time to send a snapshot.',
    seconds,
    ['To'],
  );
  const receiveTime = make.histogram(
    'etcd_network_snapshot_receive_total_duration_seconds',
    'Time to receive a snapshot.',
    seconds,
    ['From'],
  );
  return {
    onSnapshotSending: ({ to }) => sending.inc({ To: idToHex(to) }),
    onSnapshotSent: (event) => {
      const To = idToHex(event.to);
      sending.dec({ To });
      (event.ok ? sendOk : sendFailed).inc({ To });
      sendTime.observe({ To }, event.seconds);
    },
    onSnapshotReceiving: ({ from }) => receiving.inc({ From: idToHex(from) }),
    onSnapshotReceived: (event) => {
      const From = idToHex(event.from);
      receiving.dec({ From });
      (event.ok ? receiveOk : receiveFailed).inc({ From });
      receiveTime.observe({ From }, event.seconds);
    },
  };
}
