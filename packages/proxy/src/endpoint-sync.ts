import type { Clock } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { pause } from './back-off.ts';
import type { Upstream } from './upstream.ts';

/** `--endpoints-auto-sync-interval`: asks the cluster for its members again and again, and goes to those. */
export class EndpointSync implements AsyncDisposable {
  readonly #stopped = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: {
    readonly upstream: Upstream;
    readonly intervalMs: number;
    readonly clock: Clock;
    readonly observer: {
      onEndpointsChanged?(endpoints: readonly string[]): void;
      onEndpointSyncFailed?(error: unknown): void;
    };
  }) {
    const { signal } = this.#stopped;
    this.#running = (async () => {
      const { clock, intervalMs, observer } = options;
      for (;;) {
        await pause(intervalMs, { clock, signal });
        if (signal.aborted) return;
        try {
          await syncEndpoints({ ...options, signal });
        } catch (error) {
          if (!signal.aborted) observer.onEndpointSyncFailed?.(error);
        }
      }
    })();
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function syncEndpoints({
  upstream,
  observer,
  signal,
}: {
  readonly upstream: Upstream;
  readonly observer: { onEndpointsChanged?(endpoints: readonly string[]): void };
  readonly signal: AbortSignal;
}): Promise<void> {
  const request = rpcpb.MemberListRequest.encode({ linearizable: true }).finish();
  const path = '/etcdserverpb.Cluster/MemberList';
  const response = await upstream.unary(path, request, { signal, repeatable: true });
  const { members } = rpcpb.MemberListResponse.decode(response);
  // A member that has not started yet has no name and no URLs; a learner answers next to nothing.
  const endpoints = members.filter(({ isLearner }) => !isLearner).flatMap(({ clientURLs }) => clientURLs);
  const isSame = endpoints.toSorted().join() === [...upstream.endpoints].toSorted().join();
  if (endpoints.length === 0 || isSame) return;
  upstream.useEndpoints(endpoints);
  observer.onEndpointsChanged?.(endpoints);
}
