/** Lines kept for the report of a failure. */
const keptLines = 400;

/**
 * What happened, as one number: two runs with the same hash went the same way. The last lines are kept in words
 * too, and all of them are handed to a listener while one is there.
 */
export class Trace {
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #lines: string[] = [];
  #hash = 0x811c9dc5;
  #events = 0;
  nowMs = 0;

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Of everything that was noted so far. */
  get hash(): number {
    return this.#hash >>> 0;
  }

  get events(): number {
    return this.#events;
  }

  /** The newest lines, oldest first. */
  get recent(): readonly string[] {
    return this.#lines.slice(-keptLines);
  }

  /** An event begins. */
  event(nowMs: number, label: string): void {
    this.nowMs = nowMs;
    this.#events++;
    this.#mix(nowMs * 1024);
    this.#mix(label.length + label.charCodeAt(0) * 31 + label.charCodeAt(label.length - 1) * 1009);
    this.#onLine?.(`${nowMs.toFixed(3)} ${label}`);
  }

  /** A number that the run depends on: a checksum of a message, an index. */
  number(value: number): void {
    this.#mix(value);
  }

  /** Something worth reading in a report. */
  note(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    const line = `${this.nowMs.toFixed(3)} * ${text}`;
    this.#lines.push(line);
    if (this.#lines.length > 2 * keptLines) this.#lines.splice(0, keptLines);
    this.#onLine?.(line);
  }

  #mix(value: number): void {
    this.#hash = Math.imul(this.#hash ^ (value | 0) ^ Math.floor(value / 2 ** 32), 0x01000193);
    this.#hash ^= this.#hash >>> 15;
  }
}
