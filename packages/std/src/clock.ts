/** A timer that can be taken back. */
export interface Timer {
  /** Takes the timer back; harmless after it fired. */
  cancel(): void;
}

/** Where time comes from. Cores never hold one; what composes them does, so that tests own the time. */
export interface Clock {
  /** Monotonic milliseconds since some fixed moment; fractions allowed. */
  now(): number;
  /** Milliseconds since the Unix epoch; may jump. For identities and log lines, never for durations. */
  wallMs(): number;
  /** Calls `action` once, `delayMs` from now or later. */
  after(delayMs: number, action: () => void): Timer;
  /** Calls `action` once, after the events that are already waiting: what they leave forms one batch. */
  soon(action: () => void): void;
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after: (delayMs, action) => {
    const handle = setTimeout(action, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
  soon: (action) => void setImmediate(action),
};
