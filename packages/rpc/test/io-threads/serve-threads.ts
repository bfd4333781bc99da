import {
  ClientPort,
  HttpSurface,
  IoThreads,
  LeanGrpcServer,
  methodTable,
  type IoThreadsOptions,
  type Member,
  type MethodTable,
} from '../../src/index.ts';

/** The module of a thread that tests run. */
export const threadModule = new URL('thread.ts', import.meta.url);

/** What a member serves over HTTP, for tests. */
export function surfaceOf(member: Member): HttpSurface {
  return new HttpSurface({
    member,
    versions: () => ({ server: '3.6.14', cluster: '3.6.0', storage: '3.6.0' }),
    metrics: async () => ({ contentType: 'text/plain', text: 'a_metric 1\n' }),
  });
}

/** A member behind I/O threads. */
export interface ThreadsServed extends AsyncDisposable {
  readonly threads: IoThreads;
  readonly port: number;
  /** Of threads that died. */
  readonly fatal: readonly unknown[];
}

/** Serves a member with two I/O threads on a port of their own; HTTP is answered by this thread. */
export async function serveThreads(
  member: Member,
  options: Partial<IoThreadsOptions> & { readonly table?: MethodTable } = {},
): Promise<ThreadsServed> {
  const methods = options.table ?? methodTable(member);
  const main = new ClientPort({
    grpc: new LeanGrpcServer({ methods, maxReceiveBytes: 64 * 1024 }),
    http: surfaceOf(member),
  });
  const fatal: unknown[] = [];
  const threads = await IoThreads.open({
    count: 2,
    module: threadModule,
    methods,
    grpc: { maxReceiveBytes: 64 * 1024 },
    port: { maxConnections: 1_000, requestTimeoutMs: 10_000, maxDelayMs: 0 },
    serveHttp: (socket, connection) => main.serveHttp(socket, connection),
    onFatal: (error) => fatal.push(error),
    ...options,
  });
  const port = await threads.listen({ host: '127.0.0.1', port: 0 }, { serves: 'all', tls: 'never' });
  return {
    threads,
    port,
    fatal,
    [Symbol.asyncDispose]: async () => {
      await threads.close({ graceMs: 0 });
      await main.close({ graceMs: 0 });
    },
  };
}
