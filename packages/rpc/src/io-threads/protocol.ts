import type { ClientLimits } from '../limits.ts';
import type { ClientListener } from '../client-port.ts';
import type { ChannelEnd } from './channel.ts';
import type { MethodShape } from './methods.ts';

/** What an I/O thread is given when it begins. */
export interface ThreadSetup {
  readonly channel: ChannelEnd;
  readonly methods: readonly MethodShape[];
  /** What the thread counts, for the main thread to read: places as in `gauge`. */
  readonly gauges: SharedArrayBuffer;
  readonly grpc: {
    readonly maxReceiveBytes: number;
    readonly limits: ClientLimits;
    readonly keepAliveMinTimeMs?: number;
    readonly keepAliveIntervalMs?: number;
    readonly keepAliveTimeoutMs?: number;
  };
  readonly port: {
    readonly maxConnections: number;
    readonly requestTimeoutMs: number;
    readonly maxDelayMs: number;
  };
}

/** Where to listen; port 0 picks one. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What a listener of threads serves, and whether there is TLS. */
export interface ThreadListener {
  readonly serves: ClientListener['serves'];
  /** Whether connections have TLS: all of them, none, or as each begins. */
  readonly tls: 'always' | 'never' | 'optional';
}

/** To an I/O thread. */
export type ThreadOrder =
  | { readonly kind: 'listen'; readonly address: ListenAddress; readonly listener: ThreadListener }
  | { readonly kind: 'close'; readonly graceMs: number };

/** From an I/O thread: each but the first answers an order, in their order. */
export type ThreadReport =
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'failed'; readonly message: string; readonly code: string | undefined }
  | { readonly kind: 'closed' };

/** Places of numbers in `gauges`. */
export const gauge = {
  connections: 0,
  calls: 1,
  unfinishedBytes: 2,
  untakenBytes: 3,
  openConnections: 4,
  waitingConnections: 5,
  offenders: 6,
  waitingBytes: 7,
  overflows: 8,
  refused: 9,
} as const;
/** How many there are. */
export const gaugeCount = 10;

/** What happens in an I/O thread that is told of outside. `app` is for whoever made the thread. */
export type ThreadEvent =
  | { readonly kind: 'cut'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'delayed' }
  | { readonly kind: 'connectionError'; readonly message: string }
  | { readonly kind: 'app'; readonly event: unknown };
