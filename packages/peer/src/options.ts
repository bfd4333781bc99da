import { systemClock, type Clock } from '@quorate/std';
import type { PeerObserver } from './observer.ts';
import type { PeerTls } from './outgoing/dialling.ts';
import type { PeerHost } from './types.ts';

/** How a transport is made; what is left out has the value of `peerDefaults`. */
export interface PeerTransportOptions {
  readonly host: PeerHost;
  readonly clock?: Clock;
  readonly observer?: PeerObserver;
  /** For members whose URLs are `https` or `unixs`; without it these cannot be reached. */
  readonly tls?: PeerTls | undefined;
  /** The address of this machine that connections to members come from; the system chooses when it is left out. */
  readonly localAddress?: string | undefined;
  /** For a connection to be made: a second and the election timeout. */
  readonly dialTimeoutMs?: number;
  /** A connection on which nothing came for that long is given up. */
  readonly readTimeoutMs?: number;
  /** A connection that took nothing of what waits to be sent for that long is given up. */
  readonly writeTimeoutMs?: number;
  /** For another member to answer a question; also for a receiver to store a snapshot that it has got. */
  readonly answerTimeoutMs?: number;
  /** The largest raft message taken. */
  readonly maxMessageBytes?: number;
  /** The largest MsgSnap taken; the store behind it is not part of it. */
  readonly maxSnapshotMessageBytes?: number;
}

/** The settings of a transport, complete. */
export interface PeerSettings {
  readonly host: PeerHost;
  readonly clock: Clock;
  readonly observer: PeerObserver;
  readonly tls: PeerTls | undefined;
  readonly localAddress: string | undefined;
  readonly dialTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly writeTimeoutMs: number;
  readonly answerTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxSnapshotMessageBytes: number;
}

/** What a transport does when it is not told otherwise: etcd's numbers. */
export const peerDefaults = {
  dialTimeoutMs: 2_000,
  readTimeoutMs: 5_000,
  writeTimeoutMs: 5_000,
  answerTimeoutMs: 30_000,
  maxMessageBytes: 512 * 1024 * 1024,
  maxSnapshotMessageBytes: 64 * 1024 * 1024,
} as const;

/** Limits that nobody has wished to change. */
export const peerLimits = {
  /** Messages that wait for one stream; more are lost, and the host hears of it. */
  streamQueueMessages: 4_096,
  /** Messages that wait for the pipeline of one member; more are lost, and the host hears of it. */
  pipelineQueueMessages: 64,
  /** Messages that are posted to one member at the same time. */
  pipelinePosts: 4,
  /** What is written to a socket at once, unless a single message is larger. */
  writeBytes: 1024 * 1024,
  /** From one attempt to open a stream to the next. */
  retryIntervalMs: 100,
  /** From one probe of a member to the next. */
  probeIntervalMs: 4_000,
  /** A clock that is further away than this is reported. */
  clockDriftMs: 1_000,
  /** Senders that are no members as far as we know; the longest known one makes room for another. */
  remotes: 32,
  /** The body of a question to a member; more is answered with 413. */
  questionBytes: 64 * 1024,
  /** The answer to a question. */
  answerBytes: 16 * 1024 * 1024,
  /** What is still read of a request that was refused before its end, so that the answer gets through. */
  drainedBytes: 1024 * 1024,
  /** Snapshots received at the same time; more are answered with 503. */
  snapshotsReceived: 4,
} as const;

/** Fills in what was left out. */
export function peerSettings(options: PeerTransportOptions): PeerSettings {
  return {
    clock: systemClock,
    observer: {},
    tls: undefined,
    localAddress: undefined,
    ...peerDefaults,
    ...options,
  };
}
