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
    for (let attempt = 1; ; attempt++) {
      const response = await read(request, options);
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
      connections.rotate();
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
