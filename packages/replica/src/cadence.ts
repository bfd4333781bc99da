/** Says when something that is done at an interval is due. Pure: time comes in. */
export class Cadence {
  readonly #everyMs: number;
  #nextAtMs: number | undefined;

  /** @param everyMs 0 is never */
  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /**
   * True from the moment on when the interval has passed since `restart`, or since this was first asked; it stays
   * true until `restart`.
   */
  isDue(nowMs: number): boolean {
    if (this.#everyMs <= 0) return false;
    this.#nextAtMs ??= nowMs + this.#everyMs;
    return nowMs >= this.#nextAtMs;
  }

  /** The thing was done, or there was nothing to do. */
  restart(nowMs: number): void {
    this.#nextAtMs = nowMs + this.#everyMs;
  }

  /** Due from now on. */
  hasten(nowMs: number): void {
    this.#nextAtMs = nowMs;
  }
}
