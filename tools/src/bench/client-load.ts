import { Client as GrpcClient, credentials } from '@grpc/grpc-js';
import { Client } from '@quorate/client';
import { invariant } from '@quorate/std';
import { keyOf, prefixes, singleKeys, singleKeySize, valueOf, valueSize } from './dataset.ts';
import { checkGet, getRequests, getStride, putPath, putRequests, rangePath } from './kv-requests.ts';
import type { ClientJob, StockClient } from './load-job.ts';
import type { OperationSink } from './load-window.ts';
import { revisionOf } from './reply-fields.ts';

type Operation = ClientJob['workload'];

/** One connection of a stock client: `ask` resolves when key `n` was put or got, and the answer was right. */
interface Connection extends AsyncDisposable {
  readonly ask: (n: number) => Promise<void>;
}

/** Keeps `inFlight` calls under way through a client that anybody can get, until the sink has enough. */
export async function runClient(options: {
  readonly client: StockClient;
  readonly workload: Operation;
  readonly endpoint: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly window: OperationSink;
}): Promise<void> {
  const { client, workload, endpoint, inFlight, window } = options;
  await using resources = new AsyncDisposableStack();
  const open = client === '@grpc/grpc-js' ? openGrpc : openQuorate;
  const connections = Array.from({ length: options.connections }, () =>
    resources.use(open(endpoint, workload)),
  );
  let n = 0;
  const work = async (slot: number): Promise<void> => {
    const { ask } = connections[slot % connections.length]!;
    for (;;) {
      n = (n + getStride) % singleKeys;
      const sentAt = performance.now();
      await ask(n);
      const now = performance.now();
      if (!window.record(now - sentAt, now)) return;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, slot) => work(slot)));
}

/** grpc-js by itself: bytes in, bytes out. */
function openGrpc(endpoint: string, workload: Operation): Connection {
  // A pool of its own makes a connection of its own.
  const client = new GrpcClient(endpoint, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  const isPut = workload === 'put';
  const requests = isPut ? putRequests() : getRequests({ serializable: false });
  const path = isPut ? putPath : rangePath;
  const same = (bytes: Buffer): Buffer => bytes;
  const ask = (n: number): Promise<void> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, Buffer.from(requests[n]!), (error, reply) => {
        if (error !== null) return reject(error);
        invariant(reply !== undefined, 'a call without an error has an answer');
        if (isPut) invariant(revisionOf(reply) > 1, 'a put has a revision');
        else checkGet(reply, valueOf(n, valueSize));
        resolve();
      });
    });
  return { ask, [Symbol.asyncDispose]: async () => client.close() };
}

/** The TypeScript client. */
function openQuorate(endpoint: string, workload: Operation): Connection {
  const client = new Client({ endpoints: [endpoint] });
  const keys = Array.from({ length: singleKeys }, (_, n) => keyOf(prefixes.single, n, singleKeySize));
  const ask = async (n: number): Promise<void> => {
    if (workload === 'put') {
      await client.put(keys[n]!, valueOf(n, valueSize));
      return;
    }
    const found = await client.get(keys[n]!);
    invariant(found?.value.length === valueSize, 'a get returns the value that was put');
  };
  return { ask, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}
