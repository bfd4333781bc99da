import { Counter, Histogram, type Registry } from 'prom-client';
import type { CutReason, GrpcObserver, GrpcUsage } from '@quorate/rpc';
import { DurationTallies } from './duration-tallies.ts';
import { registerCuts, registerUsage } from './limit-metrics.ts';
import { MetricMaker } from './metric-maker.ts';

interface Counts {
  started: number;
  received: number;
  sent: number;
  readonly handled: Map<number, number>;
}

function noCounts(): Counts {
  return { started: 0, received: 0, sent: 0, handled: new Map() };
}

/** Names of gRPC codes as they stand in metrics. */
const codeNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
];

/** Versions of clients that are told apart: clients choose the text, so there must be an end. */
const clientVersionsMax = 32;

const labelNames = ['grpc_type', 'grpc_service', 'grpc_method'] as const;
type Labels = Record<(typeof labelNames)[number], string>;

/** Counts of calls by method: plain numbers on the way, metrics when somebody asks. */
export class GrpcMetrics implements GrpcObserver {
  readonly #methods = new Map<string, Counts>();
  #last: { readonly path: string; readonly counts: Counts } = { path: '', counts: noCounts() };
  readonly #clients = new Map<string, { unary: number; stream: number }>();
  readonly #handling: Histogram<(typeof labelNames)[number]> | undefined;
  readonly #make: MetricMaker;
  readonly #countCut: (reason: CutReason) => void;
  readonly #keyCalls: ReturnType<typeof keyCallTimes>;
  readonly #usages: (() => GrpcUsage)[] = [];
  #receivedBytes = 0;
  #sentBytes = 0;

  constructor({
    registry,
    withHistograms,
  }: {
    readonly registry: Registry;
    readonly withHistograms: boolean;
  }) {
    const registers = [registry];
    this.#make = new MetricMaker(registry);
    this.#countCut = registerCuts(this.#make);
    this.#keyCalls = keyCallTimes(registry);
    const byMethod = (name: string, help: string, read: (counts: Counts) => number): void => {
      const each = (): Iterable<[Labels, number]> =>
        [...this.#methods].map(([path, counts]) => [labelsOf(path), read(counts)]);
      new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          for (const [labels, count] of each()) this.inc(labels, count);
        },
      });
    };
    byMethod('grpc_server_started_total', 'Calls begun.', (counts) => counts.started);
    byMethod('grpc_server_msg_received_total', 'Messages received.', (counts) => counts.received);
    byMethod('grpc_server_msg_sent_total', 'Messages sent.', (counts) => counts.sent);
    this.#registerHandled(registers);
    this.#registerClients(registers);
    const bytes = (name: string, help: string, read: () => number): void =>
      this.#make.total(name, help, read);
    bytes('etcd_network_client_grpc_received_bytes_total', 'Bytes of requests.', () => this.#receivedBytes);
    bytes('etcd_network_client_grpc_sent_bytes_total', 'Bytes of responses.', () => this.#sentBytes);
    this.#handling = withHistograms
      ? new Histogram({
          name: 'grpc_server_handling_seconds',
          help: 'Time to answer a call.',
          labelNames,
          registers,
        })
      : undefined;
  }

  /** Of what several servers hold, the sums are told. */
  onOpened(usage: () => GrpcUsage): void {
    if (this.#usages.push(usage) === 1) registerUsage(this.#make, () => this.#usages.map((each) => each()));
  }

  onCut(reason: CutReason): void {
    this.#countCut(reason);
  }

  onStarted(path: string, clientApiVersion: string): void {
    this.#of(path).started++;
    const client = this.#clients.get(clientApiVersion) ?? this.#clientOf(clientApiVersion);
    if (isUnary(path)) client.unary++;
    else client.stream++;
  }

  onReceived(path: string, bytes: number): void {
    this.#of(path).received++;
    this.#receivedBytes += bytes;
  }

  onSent(path: string, bytes: number, messages = 1): void {
    this.#of(path).sent += messages;
    this.#sentBytes += bytes;
  }

  onHandled({ path, status, durationMs }: { path: string; status: number; durationMs: number }): void {
    const { handled } = this.#of(path);
    handled.set(status, (handled.get(status) ?? 0) + 1);
    this.#handling?.observe(labelsOf(path), durationMs / 1000);
    const keyCalls = this.#keyCalls.get(path);
    if (status === 0) keyCalls?.good(durationMs);
    else keyCalls?.bad(durationMs);
  }

  #registerHandled(registers: Registry[]): void {
    const methods = this.#methods;
    new Counter({
      name: 'grpc_server_handled_total',
      help: 'Calls ended, by code.',
      labelNames: [...labelNames, 'grpc_code'],
      registers,
      collect() {
        this.reset();
        for (const [path, { handled }] of methods) {
          for (const [status, count] of handled) {
            this.inc({ ...labelsOf(path), grpc_code: codeNames[status] ?? String(status) }, count);
          }
        }
      },
    });
  }

  #registerClients(registers: Registry[]): void {
    const clients = this.#clients;
    new Counter({
      name: 'etcd_server_client_requests_total',
      help: 'Calls by the version of the API that the client says it speaks.',
      labelNames: ['type', 'client_api_version'],
      registers,
      collect() {
        this.reset();
        for (const [client_api_version, { unary, stream }] of clients) {
          this.inc({ type: 'unary', client_api_version }, unary);
          this.inc({ type: 'stream', client_api_version }, stream);
        }
      },
    });
  }

  /** Whatever does not look like a version, or comes when there are too many, is `unknown`. */
  #clientOf(version: string): { unary: number; stream: number } {
    const isTold = /^\d{1,3}\.\d{1,3}$/.test(version) && this.#clients.size < clientVersionsMax;
    const name = isTold ? version : 'unknown';
    const client = this.#clients.get(name) ?? { unary: 0, stream: 0 };
    this.#clients.set(name, client);
    return client;
  }

  /** What is counted of a method; that of the last one is at hand, since calls come in rows of the same. */
  #of(path: string): Counts {
    if (path === this.#last.path) return this.#last.counts;
    let counts = this.#methods.get(path);
    if (counts === undefined) {
      counts = noCounts();
      this.#methods.set(path, counts);
    }
    this.#last = { path, counts };
    return counts;
  }
}

/** Unary calls on keys. etcd tells transactions that only read apart, as `ReadonlyTxn`; here all are `Txn`. */
const keyMethods = ['Range', 'Put', 'DeleteRange', 'Txn', 'Compact'];

/** Times of calls on keys by their paths, under the name and with the bounds of etcd 3.7 (reference: metrics). */
function keyCallTimes(registry: Registry) {
  const times = new DurationTallies(registry, {
    name: 'etcd_server_request_duration_seconds',
    help: 'Time to answer a call on keys.',
    ...{ firstSeconds: 0.001, bounds: 14 },
  });
  return new Map(
    keyMethods.map((type) => {
      const series = (success: string) => times.series({ type, success });
      return [`/etcdserverpb.KV/${type}`, { good: series('true'), bad: series('false') }];
    }),
  );
}

const streams: Readonly<Record<string, string>> = {
  '/etcdserverpb.KV/RangeStream': 'server_stream',
  '/etcdserverpb.Maintenance/Snapshot': 'server_stream',
  '/etcdserverpb.Watch/Watch': 'bidi_stream',
  '/etcdserverpb.Lease/LeaseKeepAlive': 'bidi_stream',
  '/grpc.health.v1.Health/Watch': 'server_stream',
  '/v3electionpb.Election/Observe': 'server_stream',
};

/** Whether a method answers one request with one response. */
export function isUnary(path: string): boolean {
  return streams[path] === undefined;
}

function labelsOf(path: string): Labels {
  const [, grpc_service = '', grpc_method = ''] = path.split('/');
  return { grpc_type: streams[path] ?? 'unary', grpc_service, grpc_method };
}
