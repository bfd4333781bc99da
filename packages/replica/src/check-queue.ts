/** A check; when `signal` is aborted, it goes on with what it knows, or ends. */
export type Check<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Runs checks one after another: at most one is under way. An idle queue starts a check in the same call. One that
 * takes longer than `timeoutMs` is told so by its signal. The queue has no bound of its own: whoever drives it by
 * ticks starts nothing while it `isBusy`.
 */
export class CheckQueue {
  readonly #timeoutMs: number;
  #pendingCount = 0;
  /** Settles when all checks so far have ended; never rejects. */
  #tail: Promise<unknown> = Promise.resolve();
  #current: AbortController | undefined;
  #deadlineMs: number | undefined;
  #isClosed = false;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get isBusy(): boolean {
    return this.#pendingCount > 0;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Runs a check, once those before it have ended. Rejects as the check does. */
  run<T>(check: Check<T>): Promise<T> {
    const isIdle = this.#pendingCount++ === 0;
    const started = isIdle ? this.#start(check) : this.#tail.then(() => this.#start(check));
    const ended = started.finally(() => {
      this.#pendingCount--;
    });
    this.#tail = ended.catch(() => {});
    return ended;
  }

  /** Tells the check under way when its time is over. Call it often: the queue has no clock. */
  tick(nowMs: number): void {
    if (!this.isBusy) return;
    this.#deadlineMs ??= nowMs + this.#timeoutMs;
    if (nowMs >= this.#deadlineMs) this.#current?.abort(new Error('the check took too long'));
  }

  /** Resolves when no check is under way. */
  async idle(): Promise<void> {
    while (this.isBusy) await this.#tail;
  }

  /** Ends the check under way, and tells those to come that there is nothing to wait for. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#current?.abort(closedError());
    await this.idle();
  }

  #start<T>(check: Check<T>): Promise<T> {
    this.#current = new AbortController();
    this.#deadlineMs = undefined;
    if (this.#isClosed) this.#current.abort(closedError());
    return check(this.#current.signal);
  }
}

function closedError(): Error {
  return new Error('the checks have ended');
}
