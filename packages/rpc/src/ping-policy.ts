/** Pings too soon after each other that are forgiven, as gRPC's servers have it. */
const strikesMax = 2;
/** Between two pings of a connection without calls, as gRPC's servers have it where such pings are not welcome. */
const idleMinTimeMs = 2 * 3_600_000;

/**
 * Whether a client pings more often than it may: with calls under way, every `minTimeMs`; without, every two hours. The
 * third ping too soon, with nothing sent to the client in between, is one too many. What answers a ping to measure the
 * connection, as gRPC's clients send while they receive, is thereby never counted. Pure: time comes in.
 */
export class PingPolicy {
  readonly #minTimeMs: number;
  #lastAtMs = -Infinity;
  #strikes = 0;
  #hasSent = false;

  constructor(minTimeMs: number) {
    this.#minTimeMs = minTimeMs;
  }

  /** Something of a call was sent to the client: it may well ask how long that takes. */
  noteSent(): void {
    this.#hasSent = true;
  }

  /** A ping has come; true when it is one too many. */
  isTooMany({ nowMs, hasCalls }: { readonly nowMs: number; readonly hasCalls: boolean }): boolean {
    const sinceMs = nowMs - this.#lastAtMs;
    this.#lastAtMs = nowMs;
    if (this.#hasSent) {
      this.#hasSent = false;
      this.#strikes = 0;
      return false;
    }
    if (sinceMs < (hasCalls ? this.#minTimeMs : idleMinTimeMs)) this.#strikes++;
    return this.#strikes > strikesMax;
  }
}
