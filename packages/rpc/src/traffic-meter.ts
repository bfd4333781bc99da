/** What has gone over a connection since it began. */
export interface Traffic {
  /** Bytes that came, frames and all. */
  readonly readBytes: number;
  /** Bytes that were sent. */
  readonly writtenBytes: number;
  /** Calls begun, the bytes of their headers (uncompressed), and of their messages. */
  readonly calls: number;
  readonly headerBytes: number;
  readonly messageBytes: number;
}

export interface TrafficMeterOptions {
  readonly burstBytes: number;
  readonly bytesPerSecond: number;
}

/** Frames of a call beside its headers and messages: their heads, an empty end, a reset. */
const bytesPerCall = 128;
/** Of what is transferred, how much may be told of the transfer: heads of frames, windows, pings to measure it. */
const transferShare = 1 / 8;

/**
 * Whether a connection sends more than its calls need. All frames that are none of a call's (pings, settings, windows,
 * priorities, empty ones, unknown ones, headers without end) cost the sender bytes, so one count of bytes bounds them
 * all: what came, without what is explained by calls and by answering what was sent. Floods of calls are not its business.
 *
 * Pure: time and counts come in. Invariant: a connection that stays within `burst + rate * t` is never over.
 */
export class TrafficMeter {
  readonly #burstBytes: number;
  readonly #bytesPerSecond: number;
  #level = 0;
  #unexplained = 0;
  #atMs: number;

  constructor(options: TrafficMeterOptions, nowMs: number) {
    this.#burstBytes = options.burstBytes;
    this.#bytesPerSecond = options.bytesPerSecond;
    this.#atMs = nowMs;
  }

  /** Takes in how things stand now; true when the connection is over its limit. */
  isOver(traffic: Traffic, nowMs: number): boolean {
    const unexplained = traffic.readBytes - explainedBytes(traffic);
    const leaked = ((nowMs - this.#atMs) * this.#bytesPerSecond) / 1000;
    // Credit does not pile up: what a call explains beyond its bytes is nobody's allowance for later.
    this.#level = Math.max(0, this.#level - leaked + unexplained - this.#unexplained);
    this.#unexplained = unexplained;
    this.#atMs = nowMs;
    return this.#level > this.#burstBytes;
  }
}

function explainedBytes({ calls, headerBytes, messageBytes, writtenBytes }: Traffic): number {
  return (
    calls * bytesPerCall + headerBytes + messageBytes * (1 + transferShare) + writtenBytes * transferShare
  );
}
