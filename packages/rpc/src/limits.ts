/**
 * What a client may ask of the gRPC port beyond the calls themselves. A limit that is exceeded costs whoever exceeds it
 * a call or the connection, and nobody else anything.
 */
export interface ClientLimits {
  /**
   * Calls that one connection may have at once. Those that were reset and whose work still runs count. etcd allows
   * 2^32 - 1; a well-made client that is told a limit waits. The end of a connection ends all of its calls at once,
   * which takes some 0.1 ms for each.
   */
  readonly maxConcurrentStreams: number;
  /** Calls that all connections together may have at once; the next is answered with RESOURCE_EXHAUSTED. */
  readonly maxConcurrentCalls: number;
  /** Of all headers of a call, names and values, as HTTP/2 counts them (RFC 9113 §6.5.2). */
  readonly maxHeaderBytes: number;
  /** Streams that a connection may reset, or make the member reset, at once. */
  readonly resetBurst: number;
  /** And in each second, for ever. */
  readonly resetsPerSecond: number;
  /** Bytes that a connection may send at once that belong to no call; see `TrafficMeter`. */
  readonly overheadBurstBytes: number;
  /** And in each second, for ever. */
  readonly overheadBytesPerSecond: number;
  /**
   * Bytes of requests that have begun and are not whole, of all connections together; and so many of the headers of calls
   * that have not ended.
   */
  readonly maxUnfinishedBytes: number;
  /** In which a request has to be whole after its call, or for a stream its first byte, has come; 0 is for ever. */
  readonly requestTimeoutMs: number;
  /** Bytes of responses that clients have not taken yet, of all connections together. */
  readonly maxUntakenBytes: number;
}

/** What holds where nothing else is said. */
export const defaultLimits: ClientLimits = {
  maxConcurrentStreams: 1_024,
  maxConcurrentCalls: 32_768,
  maxHeaderBytes: 32 * 1024,
  resetBurst: 1_000,
  resetsPerSecond: 100,
  overheadBurstBytes: 256 * 1024,
  overheadBytesPerSecond: 64 * 1024,
  maxUnfinishedBytes: 256 * 1024 * 1024,
  requestTimeoutMs: 60_000,
  maxUntakenBytes: 1024 * 1024 * 1024,
};

/** Why a call or a connection was ended. A name never changes: it is the label of a metric. */
export const cutReasons = [
  /** The connection sent more than its calls need. */
  'overhead',
  /** The connection sent pings or settings by the thousand. */
  'pings',
  'settings',
  /** The headers of a call are too large. */
  'header_bytes',
  /** The connection, or the member, has too many calls, or calls with too many bytes of headers. */
  'connection_calls',
  'calls',
  /** A request was not whole in time. */
  'request_timeout',
  /** Too many bytes of requests that are not whole: the oldest large one went. */
  'unfinished_requests',
  /** Too many bytes of responses that nobody takes: the oldest large one went. */
  'untaken_responses',
  /** The connection had too many calls that were ended so. */
  'cut_calls',
  /** HTTP/2 was violated, or resets came too fast. */
  'protocol',
] as const;
/** One of `cutReasons`. */
export type CutReason = (typeof cutReasons)[number];
