import { ruleOfHttpRoute } from '@quorate/auth';
import { toRpcError, status, type HttpHandler, type Member } from '@quorate/rpc';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Logger } from 'pino';
import type { NodeProfiler } from './node-profiler.ts';
import { cpuIntervalUs, heapIntervalBytes, ProfilerBusyError } from './profiler-settings.ts';
import { cpuProfileToPprof, heapProfileToPprof } from './v8-profiles.ts';

/** Of a CPU profile, where nothing is said, as Go's; and at most. */
const defaultSeconds = 30;
const maxSeconds = 300;

const text = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };

const index = `Profiles of this member, for "go tool pprof" (or with ?format=v8 for the developer tools of browsers):

  /debug/pprof/profile?seconds=30   processor time
  /debug/pprof/heap                 memory in use, by where it was allocated; collects all garbage first

Go's others (goroutine, threadcreate, block, mutex, allocs, trace) have no meaning in Node.
`;

export interface DebugSurfaceOptions {
  /** Without it there are no profiles. */
  readonly profiler: NodeProfiler | undefined;
  /** What `/debug/vars` tells. */
  readonly vars: () => Record<string, unknown>;
  readonly auth: Pick<Member['auth'], 'identify' | 'permit'>;
  readonly log: Logger;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

type Route = (query: URLSearchParams, signal: AbortSignal) => Promise<Answer>;

/**
 * `/debug/vars` and `/debug/pprof/` of the client port, as etcd has them. Where users log in they are for administrators
 * alone (`Authorization: <token>`), where etcd asks nobody; a login by certificate does not count for HTTP.
 */
export class DebugSurface implements HttpHandler, Disposable {
  readonly #options: DebugSurfaceOptions;
  readonly #closed = new AbortController();

  constructor(options: DebugSurfaceOptions) {
    this.#options = options;
  }

  handle(request: IncomingMessage, response: ServerResponse): boolean {
    // What somebody asks for need be no URL.
    const target = URL.parse(request.url ?? '/', 'http://localhost');
    if (target === null) return false;
    const { pathname, searchParams } = target;
    const route = this.#routeOf(pathname);
    if (route === undefined) return false;
    void this.#answer(request, response, () => {
      const gone = new AbortController();
      response.once('close', () => gone.abort());
      return route(searchParams, AbortSignal.any([gone.signal, this.#closed.signal]));
    });
    return true;
  }

  /** There are no WebSockets here. */
  upgrade(): boolean {
    return false;
  }

  /** Ends the profiles under way. */
  [Symbol.dispose](): void {
    this.#closed.abort();
    this.#options.profiler?.[Symbol.dispose]();
  }

  #routeOf(path: string): Route | undefined {
    const { profiler } = this.#options;
    if (path === '/debug/vars') return () => Promise.resolve(this.#vars());
    const name = /^\/debug\/pprof(?:\/(.*))?$/.exec(path)?.[1];
    if (profiler === undefined || !path.startsWith('/debug/pprof')) return undefined;
    if (name === undefined || name === '') return () => Promise.resolve(plain(200, index));
    if (name === 'profile') return (query, signal) => this.#cpu(profiler, query, signal);
    if (name === 'heap') return (query) => this.#heap(profiler, query);
    return () => Promise.resolve(plain(404, 'Unknown profile\n'));
  }

  async #answer(request: IncomingMessage, response: ServerResponse, work: () => Promise<Answer>) {
    const { url = '/', method = 'GET' } = request;
    let answer: Answer;
    if (method === 'GET') answer = await this.#permitted(request, work);
    else answer = { ...plain(405, 'Method Not Allowed\n'), headers: { ...text, Allow: 'GET' } };
    if (response.destroyed) return;
    if (answer.status >= 500) this.#options.log.warn({ path: url, status: answer.status }, 'no profile');
    const length = String(Buffer.byteLength(answer.body));
    response.writeHead(answer.status, { ...answer.headers, 'Content-Length': length }).end(answer.body);
  }

  async #permitted({ headers, url = '/', socket }: IncomingMessage, work: () => Promise<Answer>) {
    const { auth, log } = this.#options;
    try {
      const { pathname } = new URL(url, 'http://localhost');
      if (ruleOfHttpRoute(pathname)?.level !== 'admin') return plain(403, 'no rule says who may\n');
      const token = headers.authorization?.replace(/^Bearer /i, '');
      const caller = await auth.identify({ token, commonName: undefined });
      await auth.permit(caller, { level: 'admin' }, { asOf: 'local' });
      // The only thing on the way that is quiet for longer than a connection may be.
      socket.setTimeout((maxSeconds + defaultSeconds) * 1000);
      return await work();
    } catch (error) {
      if (error instanceof ProfilerBusyError) return plain(500, `${error.message}\n`);
      const failure = toRpcError(error);
      const refused = refusals[failure.status];
      if (refused !== undefined) return plain(refused, `${failure.message}\n`);
      log.error({ err: error, path: url }, 'a profile failed');
      return plain(500, 'Internal Server Error\n');
    }
  }

  #vars(): Answer {
    const pairs = Object.entries(this.#options.vars()).map(
      ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
    );
    return {
      status: 200,
      headers: { 'Content-Type': 'application/json; charset=utf-8' },
      body: `{\n${pairs.join(',\n')}\n}\n`,
    };
  }

  async #cpu(profiler: NodeProfiler, query: URLSearchParams, signal: AbortSignal): Promise<Answer> {
    const given = Number(query.get('seconds'));
    const seconds = Number.isInteger(given) && given > 0 ? given : defaultSeconds;
    if (seconds > maxSeconds) return plain(400, `seconds: at most ${maxSeconds} are measured\n`);
    this.#options.log.info({ seconds }, 'takes a profile of processor time');
    const atMs = Date.now();
    const profile = await profiler.cpu(seconds, { signal });
    if (query.get('format') === 'v8') return json('profile.cpuprofile', profile);
    return pprof('profile', cpuProfileToPprof(profile, { intervalUs: cpuIntervalUs, atMs }));
  }

  async #heap(profiler: NodeProfiler, query: URLSearchParams): Promise<Answer> {
    this.#options.log.info('takes a profile of memory');
    const profile = await profiler.heap();
    if (query.get('format') === 'v8') return json('heap.heapprofile', profile);
    return pprof('heap', heapProfileToPprof(profile, { intervalBytes: heapIntervalBytes, atMs: Date.now() }));
  }
}

/** Asked one after the other, until one of them knows the path. */
export function firstOf(...handlers: readonly HttpHandler[]): HttpHandler {
  return {
    handle: (request, response) => handlers.some((handler) => handler.handle(request, response)),
    upgrade: (request, socket, head) => handlers.some((handler) => handler.upgrade(request, socket, head)),
  };
}

/** Statuses of HTTP for whoever may not see this. */
const refusals: Readonly<Record<number, number>> = {
  [status.UNAUTHENTICATED]: 401,
  [status.INVALID_ARGUMENT]: 401,
  [status.PERMISSION_DENIED]: 403,
};

const compress = promisify(gzip);

async function pprof(name: string, profile: Uint8Array): Promise<Answer> {
  return attachment(name, 'application/octet-stream', await compress(profile));
}

function json(name: string, profile: object): Answer {
  return attachment(name, 'application/json', JSON.stringify(profile));
}

function attachment(name: string, type: string, body: string | Uint8Array): Answer {
  const headers = {
    'Content-Type': type,
    'Content-Disposition': `attachment; filename="${name}"`,
    'X-Content-Type-Options': 'nosniff',
  };
  return { status: 200, headers, body };
}

function plain(code: number, body: string): Answer {
  return { status: code, headers: text, body };
}
