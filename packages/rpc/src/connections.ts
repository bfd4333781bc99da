import { systemClock, type Clock, type Timer } from '@quorate/std';
import type { Socket } from 'node:net';

/** Why a connection was closed before it asked for anything; few and fixed, so that metrics can count by them. */
export type ConnectionRefusal =
  /** It said too little before the deadline. */
  | 'no request in time'
  /** Too many connections were open, or about to say something, and this one had waited longest. */
  | 'crowded out'
  /** Too many connections were open, and all of them in use. */
  | 'too many connections';

export interface ConnectionLimits {
  /** Connections at the same time, whatever they do. */
  readonly max: number;
  /** Of them, those that have not asked for anything yet. */
  readonly maxWaiting: number;
  /** From the accepting of a connection until it is known what it speaks, TLS included. */
  readonly firstRequestTimeoutMs: number;
}

/**
 * All connections of a port, and those among them of which nobody knows yet what they want. Those have a deadline, and
 * make room when there are too many, the one that has waited longest first: honest clients speak at once.
 *
 * Invariant: waiting <= maxWaiting, open <= max
 */
export class Connections {
  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;
  readonly #onRefused: (reason: ConnectionRefusal) => void;
  readonly #open = new Set<Socket>();
  readonly #waiting = new Map<Socket, Timer>();

  constructor(
    limits: ConnectionLimits,
    onRefused: (reason: ConnectionRefusal) => void,
    clock: Clock = systemClock,
  ) {
    this.#limits = limits;
    this.#onRefused = onRefused;
    this.#clock = clock;
  }

  get open(): number {
    return this.#open.size;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a connection in; false when there is no room, and it was closed. */
  admit(socket: Socket): boolean {
    const { max, maxWaiting, firstRequestTimeoutMs } = this.#limits;
    if (this.#waiting.size >= maxWaiting || this.#open.size >= max) this.#evictOldest();
    if (this.#open.size >= max) {
      socket.destroy();
      this.#onRefused('too many connections');
      return false;
    }
    this.#open.add(socket);
    const timer = this.#clock.after(firstRequestTimeoutMs, () => this.#refuse(socket, 'no request in time'));
    this.#waiting.set(socket, timer);
    socket.once('close', () => this.#forget(socket));
    return true;
  }

  /** Says that it is known what a connection wants: others look after it from now on. */
  settle(socket: Socket): void {
    this.#waiting.get(socket)?.cancel();
    this.#waiting.delete(socket);
  }

  /** Cuts all of them. */
  destroyAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #evictOldest(): void {
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined) this.#refuse(oldest, 'crowded out');
  }

  #refuse(socket: Socket, reason: ConnectionRefusal): void {
    // Its place is free at once; 'close' comes later.
    this.#forget(socket);
    socket.destroy();
    this.#onRefused(reason);
  }

  #forget(socket: Socket): void {
    this.settle(socket);
    this.#open.delete(socket);
  }
}
