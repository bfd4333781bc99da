import type { KeyPrefix } from '@quorate/client';
import { RpcError, status, type Method, type StreamCall } from '@quorate/rpc';
import { rpcpb } from '@quorate/wire';
import { credentialsOf } from '../credentials.ts';
import { decodeRequest } from '../decode-request.ts';
import { ClientWatches } from './client-watches.ts';
import type { WatchHub } from './watch-hub.ts';

/** Reasons that say nothing of the watcher, but that its token has had its time: the client makes a new stream. */
const staleTokenReasons = ['etcdserver: invalid auth token', 'etcdserver: revision of auth store is old'];

/** `etcdserverpb.Watch/Watch`, on streams that clients with the same credentials share. */
export function watchMethod({
  hub,
  namespace,
}: {
  readonly hub: WatchHub;
  readonly namespace: KeyPrefix;
}): Method {
  const handler = async (call: StreamCall): Promise<void> => {
    const failed = Promise.withResolvers<never>();
    // Whoever does not wait for it any more has a reason of his own.
    failed.promise.catch(() => {});
    const fail = (error: unknown): void => failed.reject(error);
    const { watches, release } = hub.acquire(credentialsOf(call), fail);
    const client = new ClientWatches({
      ...{ watches, call, fail },
      toUpstream: (range) => namespace.addToWatched(range),
      fatalReason,
    });
    const canceled = (): void => fail(new RpcError(status.CANCELLED, 'etcdserver: watch canceled'));
    if (call.signal.aborted) canceled();
    else call.signal.addEventListener('abort', canceled, { once: true });
    try {
      // A client that says no more may go on listening.
      await Promise.race([failed.promise, read(call, client).then(() => failed.promise)]);
    } finally {
      call.signal.removeEventListener('abort', canceled);
      client.close();
      release();
    }
  };
  return { kind: 'stream', clientStreams: true, serverStreams: true, handler };
}

async function read(call: StreamCall, client: ClientWatches): Promise<void> {
  for await (const bytes of call.requests) await client.request(decodeRequest(rpcpb.WatchRequest, bytes));
}

function fatalReason(reason: string): RpcError | undefined {
  const text = staleTokenReasons.find((stale) => reason.endsWith(stale));
  return text === undefined ? undefined : new RpcError(status.UNAVAILABLE, text);
}
