import { EtcdError, type Client } from '@quorate/client';
import { RestError, type RestBackend, type RestCall } from '@quorate/rest';

/** Calls that wait for others, and have no time of their own to end in. */
const waiting: ReadonlySet<string> = new Set([
  '/v3lockpb.Lock/Lock',
  '/v3electionpb.Election/Campaign',
  '/etcdserverpb.Maintenance/Defragment',
]);

/** Calls that change nothing, so that they are tried at another member when one does not answer. */
const reads: ReadonlySet<string> = new Set([
  '/etcdserverpb.KV/Range',
  '/etcdserverpb.Lease/LeaseTimeToLive',
  '/etcdserverpb.Lease/LeaseLeases',
  '/etcdserverpb.Cluster/MemberList',
  '/etcdserverpb.Maintenance/Status',
  '/etcdserverpb.Maintenance/Hash',
  '/etcdserverpb.Maintenance/HashKV',
  '/etcdserverpb.Auth/AuthStatus',
  '/etcdserverpb.Auth/Authenticate',
  '/etcdserverpb.Auth/UserGet',
  '/etcdserverpb.Auth/UserList',
  '/etcdserverpb.Auth/RoleGet',
  '/etcdserverpb.Auth/RoleList',
  '/v3electionpb.Election/Leader',
]);

const codes = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS'],
  ...['PERMISSION_DENIED', 'RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE'],
  ...['UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED'],
];

/** A cluster as what answers a gateway's calls: they are made with the token of whoever makes them, and with no other. */
export class ClusterBackend implements RestBackend {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  async unary(path: string, request: Uint8Array, { metadata, signal }: RestCall): Promise<Uint8Array> {
    try {
      return await this.#client.unary(path, request, {
        signal,
        metadata: passedOn(metadata),
        repeatable: reads.has(path),
        ...(waiting.has(path) && { timeoutMs: Infinity }),
      });
    } catch (error) {
      throw toRestError(error);
    }
  }

  /** A stream that was never opened is tried at each of the members. */
  async *stream(
    path: string,
    requests: AsyncIterable<Uint8Array>,
    { metadata, signal }: RestCall,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (let attempt = 1; ; attempt++) {
      try {
        return yield* this.#client.stream(path, requests, { signal, metadata: passedOn(metadata) });
      } catch (error) {
        const mayRepeat =
          error instanceof EtcdError && error.unsent && attempt < this.#client.endpoints.length;
        if (!mayRepeat) throw toRestError(error);
      }
    }
  }
}

/** etcd before 3.7 takes a token only without the word that HTTP puts before it. */
function passedOn(metadata: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const token = metadata.get('authorization');
  if (token === undefined) return metadata;
  return new Map([...metadata, ['authorization', token.replace(/^Bearer /i, '')]]);
}

function toRestError(error: unknown): unknown {
  if (!(error instanceof EtcdError)) return error;
  return new RestError(codes.indexOf(error.code), error.message, { cause: error });
}
