import { RpcError, status, type HttpAnswer } from '@quorate/rpc';
import { fromUtf8, type Random } from '@quorate/std';
import type { ClientTls } from '@quorate/tls';
import { rpcpb } from '@quorate/wire';
import { memberMetrics, type MemberPage } from './member-metrics.ts';
import type { ProxyMetrics } from './metrics.ts';
import { RequestQueue } from './request-queue.ts';
import type { Upstream } from './upstream.ts';

/** How long members may take to show that they are well; as in etcd. */
const healthTimeoutMs = 1_000;
/** What is read and watched to see whether that works; it need not exist. As in etcd. */
const healthKey = fromUtf8('a');

export interface PagesOptions {
  readonly upstream: Upstream;
  readonly metrics: ProxyMetrics;
  /** For members with TLS. */
  readonly tls: ClientTls | undefined;
  readonly random: Random;
}

/** `/metrics`, `/health`, `/proxy/metrics` and `/proxy/health`, as etcd's proxy has them. Knows nothing of sockets. */
export class ProxyPages {
  readonly #options: PagesOptions;
  readonly #routes: Readonly<Record<string, () => Promise<HttpAnswer>>> = {
    '/metrics': () => this.#memberMetrics(),
    '/health': async () => healthAnswer(await this.#unreadable()),
    '/proxy/metrics': async () => {
      const { metrics } = this.#options;
      return page({ contentType: metrics.contentType, body: await metrics.text() });
    },
    '/proxy/health': async () => healthAnswer((await this.#unreadable()) ?? (await this.#unwatchable())),
  };

  constructor(options: PagesOptions) {
    this.#options = options;
  }

  /** Answers one request; `url` is the request line's target. */
  async answer(method: string, url: string): Promise<HttpAnswer> {
    const { pathname } = new URL(url, 'http://localhost');
    const route = Object.hasOwn(this.#routes, pathname) ? this.#routes[pathname] : undefined;
    if (route === undefined) return plain(404, '404 page not found\n');
    if (method === 'GET') return await route();
    return { ...plain(405, 'Method Not Allowed\n'), headers: { ...plainHeaders, Allow: 'GET' } };
  }

  /** Of one member by chance, and of the next one when that does not answer. */
  async #memberMetrics(): Promise<HttpAnswer> {
    const { upstream, tls, random } = this.#options;
    const { endpoints } = upstream;
    const first = random.below(endpoints.length);
    let failure = '';
    for (let i = 0; i < endpoints.length; i++) {
      const endpoint = endpoints[(first + i) % endpoints.length] ?? '';
      try {
        return page(await memberMetrics(endpoint, tls));
      } catch (error) {
        failure = error instanceof Error ? error.message : String(error);
      }
    }
    return plain(503, `${failure}\n`);
  }

  /** Why a read fails; undefined when it does not, or when only the right to it is missing. */
  async #unreadable(): Promise<string | undefined> {
    const request = rpcpb.RangeRequest.encode({ ...rpcpb.RangeRequest.create(), key: healthKey }).finish();
    const signal = AbortSignal.timeout(healthTimeoutMs);
    try {
      await this.#options.upstream.unary('/etcdserverpb.KV/Range', request, { signal, repeatable: true });
      return undefined;
    } catch (error) {
      // Who nobody is may not read, where users are told apart; that he was told so took a read.
      if (error instanceof RpcError && error.status === status.PERMISSION_DENIED) return undefined;
      if (error instanceof RpcError && error.message === userEmptyText) return undefined;
      return `GET ERROR:${signal.aborted ? 'context deadline exceeded' : textOf(error)}`;
    }
  }

  async #unwatchable(): Promise<string | undefined> {
    const signal = AbortSignal.timeout(healthTimeoutMs);
    const requests = new RequestQueue();
    const value = { ...rpcpb.WatchCreateRequest.create(), key: healthKey };
    const create = { requestUnion: { $case: 'createRequest', value } } as const;
    requests.push(rpcpb.WatchRequest.encode(create).finish());
    try {
      const stream = this.#options.upstream.stream('/etcdserverpb.Watch/Watch', requests, { signal });
      for await (const _answer of stream) return undefined;
      return 'WATCH ERROR:the stream has ended';
    } catch (error) {
      return signal.aborted ? 'WATCH TIMEOUT' : `WATCH ERROR:${textOf(error)}`;
    } finally {
      requests.end();
    }
  }
}

const userEmptyText = 'etcdserver: user name is empty';

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const plainHeaders = {
  'Content-Type': 'text/plain; charset=utf-8',
  'X-Content-Type-Options': 'nosniff',
} as const;

function plain(statusCode: number, body: string): HttpAnswer {
  return { status: statusCode, headers: plainHeaders, body };
}

function page({ contentType, body }: MemberPage): HttpAnswer {
  return { status: 200, headers: { 'Content-Type': contentType }, body };
}

function healthAnswer(reason: string | undefined): HttpAnswer {
  const body = JSON.stringify({ health: String(reason === undefined), reason: reason ?? '' });
  return {
    status: reason === undefined ? 200 : 503,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
    body,
  };
}
