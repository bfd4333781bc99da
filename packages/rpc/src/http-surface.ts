import { ruleOfHttpRoute, theMember } from '@quorate/auth';
import type { RangeRequest } from '@quorate/wire';
import type { Member } from './member.ts';
import { toRpcError } from './status.ts';

/** An answer to an HTTP request. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What the surface tells besides the member's own state. */
export interface HttpSurfaceOptions {
  readonly member: Member;
  /** The three versions of `/version`; `not_decided` and `unknown` where there is none yet. */
  readonly versions: () => { readonly server: string; readonly cluster: string; readonly storage: string };
  /** Prometheus text of all metrics. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly observer?: {
    onHealth?(ok: boolean): void;
    onHealthCheck?(event: { readonly type: string; readonly name: string; readonly ok: boolean }): void;
  };
}

type Check = () => Promise<string | undefined>;

/**
 * `/version`, `/health`, `/livez`, `/readyz` and `/metrics` of the client port, as etcd answers them
 * (reference: HTTP endpoints). Knows nothing of sockets.
 */
export class HttpSurface {
  readonly #options: HttpSurfaceOptions;
  readonly #checks: Readonly<Record<string, Check>>;

  constructor(options: HttpSurfaceOptions) {
    this.#options = options;
    const { member } = options;
    this.#checks = {
      data_corruption: async () =>
        member.alarmTypes.includes('CORRUPT') ? 'alarm activated: CORRUPT' : undefined,
      serializable_read: async () => this.#readFailure(true),
      linearizable_read: async () => this.#readFailure(false),
      non_learner: async () => (member.isLearner ? 'not supported for learner' : undefined),
    };
  }

  /** Answers one request; `url` is the request line's target. */
  async answer(method: string, url: string): Promise<HttpAnswer> {
    const target = URL.parse(url, 'http://localhost');
    if (target === null) return plain(404, '404 page not found\n');
    const { pathname, searchParams } = target;
    const [, root = '', name, ...rest] = pathname.split('/');
    // Nobody logs in here, so a route is served only where the table of rules says that it is open to all.
    const isOpen = ruleOfHttpRoute(`/${root}`)?.level === 'open';
    const route = rest.length > 0 || !isOpen ? undefined : this.#route(root, name, searchParams);
    if (route === undefined) return plain(404, '404 page not found\n');
    // As etcd's, which serves metrics by whatever method is asked.
    if (method !== 'GET' && root !== 'metrics')
      return { ...plain(405, 'Method Not Allowed\n'), headers: { ...text, Allow: 'GET' } };
    return route();
  }

  #route(
    root: string,
    name: string | undefined,
    query: URLSearchParams,
  ): (() => Promise<HttpAnswer>) | undefined {
    if (root === 'livez') return this.#probe('livez', ['serializable_read'], name, query);
    if (root === 'readyz') return this.#probe('readyz', Object.keys(this.#checks), name, query);
    if (name !== undefined) return undefined;
    if (root === 'version') return () => this.#version();
    if (root === 'health') return () => this.#health(query);
    if (root === 'metrics') return () => this.#metrics();
    return undefined;
  }

  async #version(): Promise<HttpAnswer> {
    const { server, cluster, storage } = this.#options.versions();
    return json(200, { etcdserver: server, etcdcluster: cluster, storage });
  }

  async #metrics(): Promise<HttpAnswer> {
    const { contentType, text: body } = await this.#options.metrics();
    return { status: 200, headers: { 'Content-Type': contentType }, body };
  }

  async #health(query: URLSearchParams): Promise<HttpAnswer> {
    const reason = await this.#unhealthyBecause(query);
    this.#options.observer?.onHealth?.(reason === '');
    return json(reason === '' ? 200 : 503, { health: String(reason === ''), reason });
  }

  async #unhealthyBecause(query: URLSearchParams): Promise<string> {
    const { member } = this.#options;
    const excluded = query.getAll('exclude').filter((name) => name !== '');
    const alarm = member.alarmTypes.find((type) => !excluded.includes(type));
    if (alarm !== undefined) return `ALARM ${alarm}`;
    const serializable = query.get('serializable') === 'true';
    if (!serializable && !member.hasLeader) return 'RAFT NO LEADER';
    const failure = await this.#readFailure(serializable);
    return failure === undefined ? '' : `RANGE ERROR:${failure}`;
  }

  #probe(type: string, all: readonly string[], name: string | undefined, query: URLSearchParams) {
    if (name !== undefined && name !== '' && !all.includes(name)) return undefined;
    const excluded = query.getAll('exclude');
    const names = name ? [name] : all.filter((check) => !excluded.includes(check));
    return async (): Promise<HttpAnswer> => {
      const results = await Promise.all(names.map((check) => this.#runCheck(type, check)));
      const ok = results.every((result) => result.failure === undefined);
      const lines = results.map((result) =>
        result.failure === undefined
          ? `[+]${result.name} ok\n`
          : `[-]${result.name} failed: ${result.failure}\n`,
      );
      if (!ok) return plain(503, lines.join(''));
      return plain(200, query.has('verbose') ? `${lines.join('')}ok\n` : 'ok\n');
    };
  }

  async #runCheck(type: string, name: string): Promise<{ name: string; failure: string | undefined }> {
    const failure = await this.#checks[name]?.();
    this.#options.observer?.onHealthCheck?.({ type, name, ok: failure === undefined });
    return { name, failure };
  }

  /** Why a read of one key fails; undefined when it does not. */
  async #readFailure(serializable: boolean): Promise<string | undefined> {
    try {
      await this.#options.member.kv.range({ ...healthRequest, serializable }, theMember);
      return undefined;
    } catch (error) {
      return toRpcError(error).message;
    }
  }
}

/** A cheap read through the whole path: at most one key, and no value. */
const healthRequest: RangeRequest = {
  key: new TextEncoder().encode('health'),
  rangeEnd: new Uint8Array(0),
  limit: 1,
  revision: 0,
  sortOrder: 0,
  sortTarget: 0,
  serializable: false,
  keysOnly: true,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
};

const text = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' };

function plain(status: number, body: string): HttpAnswer {
  return { status, headers: text, body };
}

function json(status: number, value: unknown): HttpAnswer {
  return { status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value) };
}
