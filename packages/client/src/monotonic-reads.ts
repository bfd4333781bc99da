import type { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { EtcdError } from './errors.ts';
import type { UnaryMethod } from './method.ts';

/** How often each endpoint is asked for what is not older than what was seen. */
const roundsMax = 5;

/** The newest revision that a client has seen, if it keeps to not reading older ones. */
export class SeenRevision {
  readonly isKept: boolean;
  #revision = 0n;

  constructor({ isKept }: { readonly isKept: boolean }) {
    this.isKept = isKept;
  }

  get revision(): bigint {
    return this.#revision;
  }

  note(header: rpcpb.ResponseHeader | undefined): void {
    if (header !== undefined && header.revision > this.#revision) this.#revision = header.revision;
  }
}

interface WithHeader {
  readonly header: rpcpb.ResponseHeader | undefined;
}

/** A read that, with `monotonicReads`, is not answered from before what was seen when it was asked for. */
export function monotonicRead<Request, Response extends WithHeader>(
  connections: Connections,
  read: UnaryMethod<Request, Response>,
): UnaryMethod<Request, Response> {
  const { seen } = connections;
  if (!seen.isKept) return read;
  return async (request, options = {}) => {
    const floor = seen.revision;
    const attempts = options.endpoint === undefined ? roundsMax * connections.endpoints.length : 1;
    const deadline = connections.clock.now() + (options.timeoutMs ?? connections.requestTimeoutMs);
    for (let attempt = 1; ; attempt++) {
      const asked = connections.preferred;
      const timeoutMs = deadline - connections.clock.now();
      const response = await read(request, { ...options, timeoutMs });
      const { revision = 0n } = response.header ?? {};
      if (revision >= floor) {
        seen.note(response.header);
        return response;
      }
      if (attempt === attempts) {
        const text =
          'etcdclient: no cluster members have a revision higher than the previously received revision';
        throw new EtcdError('UNAVAILABLE', text);
      }
      // Calls that go round go to the next one by themselves.
      if (!connections.goesRound) connections.moveOnFrom(asked);
      await connections.pause(attempt, options.signal);
    }
  };
}

/** A write, whose revision reads keep to from then on. */
export function noteRevision<Request, Response extends WithHeader>(
  { seen }: Connections,
  write: UnaryMethod<Request, Response>,
): UnaryMethod<Request, Response> {
  if (!seen.isKept) return write;
  return async (request, options) => {
    const response = await write(request, options);
    seen.note(response.header);
    return response;
  };
}
