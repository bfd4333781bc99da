import { cutReasons, type CutReason, type GrpcUsage } from '@quorate/rpc';
import type { MetricMaker } from './metric-maker.ts';

/** What limits of the gRPC port have ended; the result counts one more. */
export function registerCuts(make: MetricMaker): (reason: CutReason) => void {
  const name = 'quorate_grpc_cuts_total';
  const cuts = make.labelledCounter(name, 'Calls and connections ended by a limit.', ['reason']);
  for (const reason of cutReasons) cuts.inc({ reason }, 0);
  return (reason) => cuts.inc({ reason });
}

/** How near the gRPC port is to its limits; `usages` gives that of each server behind it. */
export function registerUsage(make: MetricMaker, usages: () => readonly GrpcUsage[]): void {
  const gauge = (name: string, help: string, key: keyof GrpcUsage): void =>
    make.gauge(name, help, () => usages().reduce((sum, usage) => sum + usage[key], 0));
  gauge('quorate_grpc_connections', 'Connections that speak gRPC.', 'connections');
  gauge('quorate_grpc_calls', 'Calls under way.', 'calls');
  gauge(
    'quorate_grpc_unfinished_bytes',
    'Bytes of requests that are not whole yet, or wait for their handler.',
    'unfinishedBytes',
  );
  gauge(
    'quorate_grpc_untaken_bytes',
    'Bytes of responses that clients have not taken yet, in sockets that take no more, too.',
    'untakenBytes',
  );
}
