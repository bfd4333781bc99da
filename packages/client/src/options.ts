import type { Clock, Random } from '@quorate/std';
import type { ClientObserver } from './observer.ts';
import type { TlsOptions } from './tls-options.ts';
import type { Credentials } from './tokens.ts';

/** How a client is made. */
export interface ClientOptions {
  /** `host:port`, `http://host:port`, `https://host:port` or `unix:///path`; one member or all of them. */
  readonly endpoints: readonly string[];
  /**
   * Ask the cluster this often where its members are reached, and ask them there, as `client.syncEndpoints` does. Left
   * out, the endpoints stay those given.
   */
  readonly syncIntervalMs?: number;
  /** How long to wait for a connection before the next endpoint is tried. Default 2000. */
  readonly dialTimeoutMs?: number;
  /** How long a unary call may take, retries included. Default 10000; a call can set its own. */
  readonly requestTimeoutMs?: number;
  /** The largest request sent. Default 2 MiB, as etcd's own client. */
  readonly maxSendBytes?: number;
  /** The largest response taken; a larger one is an EtcdError RESOURCE_EXHAUSTED. Default: any. */
  readonly maxReceiveBytes?: number;
  /** Time between pings of a connection in use, and how long an answer may take. Defaults 10000, 6000. */
  readonly keepaliveTimeMs?: number;
  readonly keepaliveTimeoutMs?: number;
  /** Ping connections also while no call is under way. Default false; servers may refuse clients that do it often. */
  readonly keepaliveWithoutCalls?: boolean;
  /** For `https://` and `unixs://`, and for endpoints without a scheme: those are spoken to with TLS when this is given. */
  readonly tls?: TlsOptions;
  /** Who to be where authentication is on: the client logs in when needed, and again when its token is refused. */
  readonly auth?: Credentials;
  /** A token made elsewhere, such as a JWT, in place of `auth`. It is not renewed. */
  readonly authToken?: string;
  /**
   * `sticky`, which is the default: all calls go to one endpoint until it fails, then to the next. `round-robin`: each
   * call goes to another one than the last, those left out that failed a moment ago.
   */
  readonly balancing?: 'sticky' | 'round-robin';
  /**
   * Refuse answers of members that are behind what this client has already seen, and ask others: what matters for
   * `serializable` reads. When no member is as far, the read fails with UNAVAILABLE.
   */
  readonly monotonicReads?: boolean;
  /** Hears of calls, for metrics and traces: `ClientMetrics`, `traceCalls`, or one of your own; or several of them. */
  readonly observer?: ClientObserver | readonly ClientObserver[];
  /** For tests. */
  readonly clock?: Clock;
  /** For tests. */
  readonly random?: Random;
}

/** What every call takes. */
export interface CallOptions {
  /** Aborting ends the call and throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Overrides `requestTimeoutMs`; a stream has no limit unless this gives one. */
  readonly timeoutMs?: number | undefined;
  /** Talk to this endpoint and no other. It need not be one of the client's. */
  readonly endpoint?: string | undefined;
  /** Fail when the member asked has no leader, rather than wait with it. */
  readonly requireLeader?: boolean | undefined;
  /** Handed to the observer with each call that is made for this one: the context of a trace, for instance. */
  readonly context?: unknown;
  /** What goes along with the call, by keys in lower case: for whoever passes on the calls of others. */
  readonly metadata?: ReadonlyMap<string, string> | undefined;
}
