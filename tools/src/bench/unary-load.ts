import { LoadConnection } from './load-connection.ts';
import type { OperationSink } from './load-window.ts';
import type { UnaryWorkload } from './unary-workloads.ts';

/**
 * Keeps `inFlight` requests under way over `connections` connections, until the window closes or the workload
 * has nothing left; resolves when the last answer has come and the workload is content with them all.
 */
export async function runUnary(options: {
  readonly workload: UnaryWorkload;
  readonly endpoint: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly window?: OperationSink;
}): Promise<void> {
  const { workload, endpoint, inFlight, window } = options;
  const ended = Promise.withResolvers<void>();
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () =>
      LoadConnection.connect({ endpoint, path: workload.path, onError: ended.reject }),
    ),
  );
  let busy = inFlight;
  for (let slot = 0; slot < inFlight; slot++) {
    const connection = connections[slot % connections.length]!;
    let sentAt = 0;
    const send = (): void => {
      const request = workload.next(slot);
      if (request === undefined) return stop();
      sentAt = performance.now();
      connection.unary(request, onReply, workload.pathOf?.(slot));
    };
    const onReply = (reply: Buffer): void => {
      const now = performance.now();
      workload.check(slot, reply);
      if (window === undefined || window.record(now - sentAt, now)) send();
      else stop();
    };
    const stop = (): void => {
      if (--busy === 0) ended.resolve();
    };
    send();
  }
  try {
    await ended.promise;
    workload.finish();
  } finally {
    for (const connection of connections) connection.close();
  }
}
