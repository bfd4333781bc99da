import { Client, EtcdError, prefixEnd, type ClientOptions } from '@quorate/client';
import type { RegistryCallOptions, RegistryClient, RegistryEntry, RegistryListing } from '@quorate/discovery';
import { fromUtf8, toCount, toUtf8 } from '@quorate/std';
import { rpcpb, type mvccpb } from '@quorate/wire';
import { readFile } from 'node:fs/promises';
import { ConfigError } from './config/load.ts';
import { memberSourceOf } from './config/member-source.ts';
import type { ServerConfig } from './config/schema.ts';

/** The registry that new clusters are discovered through: an etcd or Quorate cluster, by a client. */
export class ClientRegistry implements RegistryClient, AsyncDisposable {
  readonly #client: Client;

  /** @param client the registry's from now on: closed with it */
  constructor(client: Client) {
    this.#client = client;
  }

  async get(key: string, { signal }: RegistryCallOptions): Promise<RegistryEntry | undefined> {
    const found = await this.#client.get(key, { signal });
    return found && entryOf(found);
  }

  async put(key: string, value: string, { signal }: RegistryCallOptions): Promise<void> {
    await this.#client.put(key, value, { signal });
  }

  async list(
    prefix: string,
    { signal, limit }: RegistryCallOptions & { readonly limit: number },
  ): Promise<RegistryListing> {
    const key = fromUtf8(prefix);
    const { kvs, header } = await this.#client.kv.range(
      {
        key,
        rangeEnd: prefixEnd(key),
        limit: BigInt(limit),
        sortTarget: rpcpb.RangeRequest_SortTarget.CREATE,
        sortOrder: rpcpb.RangeRequest_SortOrder.ASCEND,
      },
      { signal },
    );
    return { entries: kvs.map(entryOf), revision: toCount(header?.revision ?? 0n, 'revision') };
  }

  async *watch(
    prefix: string,
    { signal, startRevision }: RegistryCallOptions & { readonly startRevision: number },
  ): AsyncGenerator<readonly RegistryEntry[]> {
    const options = { prefix, startRevision: BigInt(startRevision), filters: ['noDelete'] as const, signal };
    for await (const { events } of this.#client.watch(options).batches()) {
      yield events.map(({ kv }) => entryOf(kv));
    }
  }

  /** Who may not do it now, may not later: a wrong password, a missing right, a server that is no etcd. */
  isFinal(error: unknown): boolean {
    return error instanceof EtcdError && finalCodes.has(error.code);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#client.close();
  }
}

const finalCodes: ReadonlySet<string> = new Set([
  'INVALID_ARGUMENT',
  'PERMISSION_DENIED',
  'UNAUTHENTICATED',
  'UNIMPLEMENTED',
  'FAILED_PRECONDITION',
]);

function entryOf({ key, value, createRevision }: mvccpb.KeyValue): RegistryEntry {
  return {
    key: toUtf8(key),
    value: toUtf8(value),
    createRevision: toCount(createRevision, 'create revision'),
  };
}

/** Opens the registry of `--discovery-endpoints`. @throws ConfigError when a file of a certificate cannot be read */
export async function connectRegistry(config: ServerConfig): Promise<ClientRegistry> {
  return new ClientRegistry(new Client(await clientOptionsOf(config)));
}

/** Options of the client that `--discovery-*` stand for. @throws ConfigError */
export async function clientOptionsOf(config: ServerConfig): Promise<ClientOptions> {
  const source = memberSourceOf(config);
  if (source.kind !== 'registry') throw new ConfigError('--discovery-endpoints must be set');
  const tls = await tlsOf(config);
  const auth = authOf(config);
  return {
    endpoints: source.endpoints,
    dialTimeoutMs: orNever(config.discoveryDialTimeoutMs),
    requestTimeoutMs: orNever(config.discoveryRequestTimeoutMs),
    keepaliveTimeMs: orNever(config.discoveryKeepAliveTimeMs),
    keepaliveTimeoutMs: orNever(config.discoveryKeepAliveTimeoutMs),
    ...(tls && { tls }),
    ...(auth && { auth }),
  };
}

/** As in etcd, 0 is no limit: here the longest that timers can count. */
function orNever(ms: number): number {
  return ms === 0 ? 2 ** 31 - 1 : ms;
}

async function tlsOf(config: ServerConfig): Promise<ClientOptions['tls']> {
  const { discoveryCaCert, discoveryCert, discoveryKey } = config;
  if ((discoveryCert === '') !== (discoveryKey === '')) {
    throw new ConfigError('--discovery-cert and --discovery-key belong together: give both or none');
  }
  if (discoveryCaCert === '' && discoveryCert === '' && config.discoveryInsecureTransport) return undefined;
  const [ca, cert, key] = await Promise.all([
    fileOf('--discovery-cacert', discoveryCaCert),
    fileOf('--discovery-cert', discoveryCert),
    fileOf('--discovery-key', discoveryKey),
  ]);
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    insecureSkipVerify: config.discoveryInsecureSkipTlsVerify,
  };
}

async function fileOf(flag: string, path: string): Promise<Uint8Array | undefined> {
  if (path === '') return undefined;
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`${flag}: cannot read ${path} (${reason})`, { cause: error });
  }
}

/** `name:password` in one flag, or each in its own. */
function authOf({ discoveryUser, discoveryPassword }: ServerConfig): ClientOptions['auth'] {
  if (discoveryUser === '') {
    if (discoveryPassword === '') return undefined;
    throw new ConfigError('--discovery-password needs --discovery-user');
  }
  const colon = discoveryUser.indexOf(':');
  if (discoveryPassword !== '' || colon < 0) return { name: discoveryUser, password: discoveryPassword };
  return { name: discoveryUser.slice(0, colon), password: discoveryUser.slice(colon + 1) };
}
