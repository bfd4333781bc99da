import { boolean, choice, duration, integer, text, urls } from '../field.ts';

const defaultLogRotation =
  '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}';

/** Settings of logs, metrics, profiles and traces (reference: flags and configuration). */
export const loggingFields = {
  logger: choice(['zap', 'pino'], 'zap', {
    flag: 'logger',
    section: 'logging',
    ignored: 'logs are pino JSON',
    description: 'Logger of etcd.',
  }),
  logOutputs: text('default', {
    flag: 'log-outputs',
    section: 'logging',
    description: 'Where logs go: default or stderr, stdout, or files, comma-separated.',
  }),
  logLevel: choice(['debug', 'info', 'warn', 'error', 'panic', 'fatal'], 'info', {
    flag: 'log-level',
    section: 'logging',
    description: 'The least serious log lines to write.',
  }),
  logFormat: choice(['json', 'console'], 'json', {
    flag: 'log-format',
    section: 'logging',
    description: 'Format of logs: JSON, or lines for people.',
  }),
  enableLogRotation: boolean(false, {
    flag: 'enable-log-rotation',
    section: 'logging',
    description: 'Rotate the log file; there must be exactly one in log-outputs.',
  }),
  logRotationConfigJson: text(defaultLogRotation, {
    flag: 'log-rotation-config-json',
    section: 'logging',
    description:
      'When a log file is rotated (maxsize in MiB), and what is kept: maxage in days and maxbackups, 0 is all; localtime in names, compress by gzip.',
  }),
  enablePprof: boolean(false, {
    flag: 'enable-pprof',
    section: 'logging',
    description:
      'Serve profiles of processor time and memory at /debug/pprof/ of the client URLs; with authentication, to administrators.',
  }),
  metrics: choice(['basic', 'extensive'], 'basic', {
    flag: 'metrics',
    section: 'logging',
    isCheckedLater: true,
    description: 'extensive adds histograms of gRPC calls.',
  }),
  listenMetricsUrls: urls('', {
    flag: 'listen-metrics-urls',
    section: 'logging',
    listen: true,
    description: 'URLs to listen on for metrics and health only.',
  }),
  warningUnaryRequestDurationMs: duration('300ms', {
    flag: 'warning-unary-request-duration',
    experimental: true,
    section: 'logging',
    description: 'A unary request that takes longer is logged, without what was in it.',
  }),
  warningApplyDurationMs: duration('100ms', {
    flag: 'warning-apply-duration',
    experimental: true,
    section: 'logging',
    description: 'Entries applied together that take longer are logged.',
  }),
  enableDistributedTracing: boolean(false, {
    flag: 'enable-distributed-tracing',
    experimental: true,
    section: 'logging',
    description: 'Send traces of calls to a collector, over OTLP and gRPC.',
  }),
  tracingAddress: text('localhost:4317', {
    flag: 'distributed-tracing-address',
    section: 'logging',
    experimental: true,
    description: 'Address of the collector of traces, without TLS; https://host:port is one with TLS.',
  }),
  tracingServiceName: text('etcd', {
    flag: 'distributed-tracing-service-name',
    section: 'logging',
    experimental: true,
    description: 'Name of the service in traces, the same for all members.',
  }),
  tracingInstanceId: text('', {
    flag: 'distributed-tracing-instance-id',
    section: 'logging',
    experimental: true,
    description: 'Name of this member in traces, of its own for each.',
  }),
  tracingSamplingRate: integer(0, {
    flag: 'distributed-tracing-sampling-rate',
    section: 'logging',
    experimental: true,
    description:
      'Calls sampled per million, of those whose caller says nothing of it; what a caller has sampled is always traced.',
  }),
};
