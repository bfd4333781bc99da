import { invariant, systemRandom } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { LoadConnection } from './load-connection.ts';
import type { OperationSink } from './load-window.ts';
import { ReplyFields } from './reply-fields.ts';
import { runUnary } from './unary-load.ts';

const ttlSeconds = 3600;

/** The method, as gRPC names it. */
export const keepAlivePath = '/etcdserverpb.Lease/LeaseKeepAlive';

/** Keeps one lease alive on each of `inFlight` streams, again as soon as the answer is there. */
export async function runKeepAlive(options: {
  readonly endpoint: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly window: OperationSink;
}): Promise<void> {
  const { endpoint, inFlight, window } = options;
  const firstId = await grantLeases(endpoint, inFlight);
  const ended = Promise.withResolvers<void>();
  const connections = await Promise.all(
    Array.from({ length: options.connections }, () =>
      LoadConnection.connect({ endpoint, path: keepAlivePath, onError: ended.reject }),
    ),
  );
  let busy = inFlight;
  for (let slot = 0; slot < inFlight; slot++) {
    const id = firstId + slot;
    const request = keepAliveRequest(id);
    let sentAt = performance.now();
    const stream = connections[slot % connections.length]!.stream((reply) => {
      const now = performance.now();
      checkKeepAlive(reply, id);
      if (window.record(now - sentAt, now)) {
        sentAt = now;
        stream.send(request);
      } else if (--busy === 0) ended.resolve();
    });
    stream.send(request);
  }
  try {
    await ended.promise;
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Grants `count` leases; resolves to the ID of the first, and the others follow it. */
export async function grantLeases(endpoint: string, count: number): Promise<number> {
  const firstId = 2 ** 40 + systemRandom.below(2 ** 32);
  let n = 0;
  await runUnary({
    endpoint,
    connections: 1,
    inFlight: 1,
    workload: {
      path: '/etcdserverpb.Lease/LeaseGrant',
      next: () => {
        if (n === count) return undefined;
        const ID = BigInt(firstId + n++);
        return rpcpb.LeaseGrantRequest.encode({ TTL: BigInt(ttlSeconds), ID }).finish();
      },
      check: () => {},
      finish: () => {},
    },
  });
  return firstId;
}

/** The message that keeps a lease alive. */
export function keepAliveRequest(id: number): Uint8Array {
  return rpcpb.LeaseKeepAliveRequest.encode({ ID: BigInt(id) }).finish();
}

/** Checks that a lease was kept alive. */
export function checkKeepAlive(reply: Uint8Array, id: number): void {
  const fields = new ReplyFields(reply);
  let answeredId = 0;
  let ttl = 0;
  while (fields.next()) {
    if (fields.field === 2) answeredId = fields.value;
    if (fields.field === 3) ttl = fields.value;
  }
  invariant(answeredId === id, 'a keep-alive is answered for its lease');
  invariant(ttl === ttlSeconds, 'a keep-alive gives the whole time to live again');
}
