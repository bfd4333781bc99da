import type { KeyPrefix } from '@quorate/client';
import { RpcError, status, type Method, type StreamCall } from '@quorate/rpc';
import { rpcpb } from '@quorate/wire';
import { credentialsOf } from '../credentials.ts';
import { decodeRequest } from '../decode-request.ts';
import { callUpstream, forwarded, translated } from '../forward.ts';
import type { RangeCache } from '../range-cache.ts';
import type { Upstream } from '../upstream.ts';
import type { KeepAliveHub, KeepAliveLoan } from './keep-alive-hub.ts';

/** Renewals that a client may wait for on one stream; it is not read from meanwhile. */
const unansweredMax = 1_024;

export interface LeaseOptions {
  readonly upstream: Upstream;
  readonly hub: KeepAliveHub;
  readonly cache: RangeCache;
  readonly namespace: KeyPrefix;
}

const { methods, fullName } = rpcpb.LeaseDefinition;
const pathOf = (method: keyof typeof methods): string => `/${fullName}/${methods[method].name}`;

/** `etcdserverpb.Lease`: keep-alives of clients with the same credentials are one stream of the proxy's. */
export function leaseMethods({ upstream, hub, cache, namespace }: LeaseOptions): ReadonlyMap<string, Method> {
  const reading = { upstream, repeatable: true };
  const stripKeys = (response: rpcpb.LeaseTimeToLiveResponse): rpcpb.LeaseTimeToLiveResponse => ({
    ...response,
    keys: response.keys.filter((key) => namespace.isOf(key)).map((key) => namespace.stripKey(key)),
  });
  const { requestType, responseType } = methods.leaseTimeToLive;
  const types = { requestType, responseType };
  return new Map<string, Method>([
    [pathOf('leaseGrant'), forwarded(pathOf('leaseGrant'), { upstream })],
    [pathOf('leaseRevoke'), { kind: 'unary', handler: (request, call) => revoke(request, call) }],
    [pathOf('leaseKeepAlive'), keepAlive(hub)],
    [
      pathOf('leaseTimeToLive'),
      namespace.isEmpty
        ? forwarded(pathOf('leaseTimeToLive'), reading)
        : translated(
            pathOf('leaseTimeToLive'),
            { ...types, request: (request) => request, response: stripKeys },
            reading,
          ),
    ],
    [pathOf('leaseLeases'), forwarded(pathOf('leaseLeases'), reading)],
  ]);

  /** Deletes keys that only the member knows. */
  async function revoke(request: Uint8Array, call: Parameters<typeof callUpstream>[2]): Promise<Uint8Array> {
    try {
      return await callUpstream(pathOf('leaseRevoke'), request, call, { upstream });
    } finally {
      cache.clear();
    }
  }
}

function keepAlive(hub: KeepAliveHub): Method {
  const handler = async (call: StreamCall): Promise<void> => {
    const failed = Promise.withResolvers<never>();
    // Whoever does not wait for it any more has a reason of his own.
    failed.promise.catch(() => {});
    const fail = (error: unknown): void => failed.reject(error);
    const loan = hub.acquire(credentialsOf(call), fail);
    const canceled = (): void => fail(new RpcError(status.CANCELLED, 'context canceled'));
    if (call.signal.aborted) canceled();
    else call.signal.addEventListener('abort', canceled, { once: true });
    try {
      await Promise.race([failed.promise, new KeepAlives(call, loan.renew, fail).run()]);
    } finally {
      call.signal.removeEventListener('abort', canceled);
      loan.release();
    }
  };
  return { kind: 'stream', clientStreams: true, serverStreams: true, handler };
}

/** One client's stream. It ends well when the client has said all and heard all. */
class KeepAlives {
  readonly #call: StreamCall;
  readonly #renew: KeepAliveLoan['renew'];
  readonly #fail: (error: unknown) => void;
  #unanswered = 0;
  #hasRoom = true;
  #onAnswered: (() => void) | undefined;

  constructor(call: StreamCall, renew: KeepAliveLoan['renew'], fail: (error: unknown) => void) {
    this.#call = call;
    this.#renew = renew;
    this.#fail = fail;
  }

  async run(): Promise<void> {
    for await (const bytes of this.#call.requests) {
      const { ID } = decodeRequest(rpcpb.LeaseKeepAliveRequest, bytes);
      this.#unanswered++;
      this.#renew(ID, { answered: (response) => this.#answered(response), failed: this.#fail });
      while (this.#unanswered >= unansweredMax) await this.#answer();
      if (!this.#hasRoom) await this.#call.drained();
      this.#hasRoom = true;
    }
    while (this.#unanswered > 0) await this.#answer();
  }

  #answered(response: Uint8Array): void {
    this.#unanswered--;
    this.#hasRoom = this.#call.send(response);
    this.#onAnswered?.();
  }

  #answer(): Promise<void> {
    return new Promise((resolve) => (this.#onAnswered = resolve));
  }
}
