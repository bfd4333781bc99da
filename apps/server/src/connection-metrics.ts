import type { ClientPort, ConnectionRefusal, IoThreads } from '@quorate/rpc';
import type { TlsObserver } from '@quorate/tls';
import type { MetricMaker } from './metric-maker.ts';
import type { TlsSide } from './tls.ts';

/** Counts of connections and handshakes under names of our own, since etcd has none for them. */
export interface ConnectionMetrics {
  readonly tls: Readonly<Record<TlsSide, TlsObserver>>;
  readonly onConnectionRefused: (reason: ConnectionRefusal) => void;
  readonly onConnectionDelayed: () => void;
  /** Adds what is read of the port, and of I/O threads beside it, when somebody asks. */
  watch(port: ClientPort, threads: IoThreads | undefined): void;
}

/** Registers them. Labels are few and fixed: nobody who connects can add to them. */
export function registerConnectionMetrics(make: MetricMaker): ConnectionMetrics {
  const secured = make.labelledCounter('quorate_tls_handshakes_total', 'TLS handshakes that succeeded.', [
    'side',
  ]);
  const refused = make.labelledCounter(
    'quorate_tls_handshakes_refused_total',
    'TLS handshakes that failed or were given up, by reason.',
    ['side', 'reason'],
  );
  const reloads = make.labelledCounter(
    'quorate_tls_reloads_total',
    'Times that changed certificate files were read, by result.',
    ['side', 'result'],
  );
  const refusedConnections = make.labelledCounter(
    'quorate_client_connections_refused_total',
    'Connections closed before they asked for anything, by reason.',
    ['reason'],
  );
  const delayedConnections = make.labelledCounter(
    'quorate_client_connections_delayed_total',
    'New connections that waited for what others from their address had done.',
    [],
  );
  const observerOf = (side: TlsSide): TlsObserver => ({
    onSecured: () => secured.inc({ side }),
    onRefused: ({ reason }) => refused.inc({ side, reason }),
    onReloaded: () => reloads.inc({ side, result: 'ok' }),
    onReloadFailed: () => reloads.inc({ side, result: 'failed' }),
  });
  return {
    tls: { client: observerOf('client'), peer: observerOf('peer') },
    onConnectionRefused: (reason) => refusedConnections.inc({ reason }),
    onConnectionDelayed: () => delayedConnections.inc({}),
    watch: (port, threads) => {
      const ports = threads === undefined ? [port] : [port, threads];
      const sum = (of: (from: ClientPort | IoThreads) => number): number =>
        ports.reduce((total, from) => total + of(from), 0);
      if (threads !== undefined) watchThreads(make, threads);
      make.gauge('quorate_client_connections', 'Connections of clients.', () =>
        sum(({ connections }) => connections.open),
      );
      make.gauge(
        'quorate_client_connections_waiting',
        'Connections that have not said what they want yet.',
        () => sum(({ connections }) => connections.waiting),
      );
      make.gauge(
        'quorate_client_addresses_offending',
        'Addresses whose connections were cut, or ended without a request, and that are remembered for it.',
        () => sum(({ offenders }) => offenders),
      );
    },
  };
}

/** How I/O threads and the main thread keep up with each other. */
function watchThreads(make: MetricMaker, threads: IoThreads): void {
  make.gauge(
    'quorate_io_threads_waiting_bytes',
    'Bytes between I/O threads and the main thread that wait for room, or for the other side to take them.',
    () => threads.usage.waitingBytes,
  );
  make.total(
    'quorate_io_threads_overflows_total',
    'Records between I/O threads and the main thread that found their ring full.',
    () => threads.usage.overflows,
  );
  make.total(
    'quorate_io_threads_refused_total',
    'Calls refused by I/O threads since too much waited for the main thread.',
    () => threads.usage.refused,
  );
}
