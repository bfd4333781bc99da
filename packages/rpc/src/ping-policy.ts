/** Pings too soon after each other that are forgiven, as gRPC's servers have it. */
const strikesMax = 2;
/** Between two pings of a connection without calls, as gRPC's servers have it where such pings are not welcome. */
const idleMinTimeMs = 2 * 3_600_000;

/** More than the answer to a ping and what else belongs to no call: some of an answer has gone that was begun before. */
const noAnswerBytes = 1_024;

/** When a ping has come, and to whom. */
export interface PingCircumstances {
  readonly nowMs: number;
  readonly hasCalls: boolean;
  readonly sentBytes: number;
}

/**
 * Whether a client pings more often than it may: with calls under way, every `minTimeMs`; without, every two hours. The
 * third ping too soon, with nothing sent to the client in between, is one too many. What answers a ping to measure the
 * connection, as gRPC's clients send while they receive, is thereby never counted. Pure: time comes in.
 */
export class PingPolicy {
  readonly #minTimeMs: number;
  #lastAtMs = -Infinity;
  #lastAtBytes = 0;
  #strikes = 0;
  #hasSent = false;

  constructor(minTimeMs: number) {
    this.#minTimeMs = minTimeMs;
  }

  /** Something of a call was sent to the client: it may well ask how long that takes. */
  noteSent(): void {
    this.#hasSent = true;
  }

  /** A ping has come, when so many bytes in all had been sent; true when it is one too many. */
  isTooMany({ nowMs, hasCalls, sentBytes }: PingCircumstances): boolean {
    const sinceMs = nowMs - this.#lastAtMs;
    const sinceBytes = sentBytes - this.#lastAtBytes;
    this.#lastAtMs = nowMs;
    this.#lastAtBytes = sentBytes;
    if (this.#hasSent || sinceBytes > noAnswerBytes) {
      this.#hasSent = false;
      this.#strikes = 0;
      return false;
    }
    if (sinceMs < (hasCalls ? this.#minTimeMs : idleMinTimeMs)) this.#strikes++;
    return this.#strikes > strikesMax;
  }
}
