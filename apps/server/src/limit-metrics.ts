import { cutReasons, type CutReason, type GrpcUsage } from '@quorate/rpc';
import type { MetricMaker } from './metric-maker.ts';

/** What limits of the gRPC port have ended; the result counts one more. */
export function registerCuts(make: MetricMaker): (reason: CutReason) => void {
  const name = 'quorate_grpc_cuts_total';
  const cuts = make.labelledCounter(name, 'Calls and connections ended by a limit.', ['reason']);
  for (const reason of cutReasons) cuts.inc({ reason }, 0);
  return (reason) => cuts.inc({ reason });
}

/** How near the gRPC port is to its limits. */
export function registerUsage(make: MetricMaker, usage: () => GrpcUsage): void {
  make.gauge('quorate_grpc_connections', 'Connections that speak gRPC.', () => usage().connections);
  make.gauge('quorate_grpc_calls', 'Calls under way.', () => usage().calls);
  make.gauge(
    'quorate_grpc_unfinished_bytes',
    'Bytes of requests that are not whole yet.',
    () => usage().unfinishedBytes,
  );
  make.gauge(
    'quorate_grpc_untaken_bytes',
    'Bytes of responses that clients have not taken yet.',
    () => usage().untakenBytes,
  );
}
