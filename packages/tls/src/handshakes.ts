import type { Clock, Timer } from '@quorate/std';
import type { Socket } from 'node:net';

/** A connection whose handshake is under way. */
export interface Handshake<T> {
  readonly socket: Socket;
  readonly startedMs: number;
  readonly remoteAddress: string | undefined;
  readonly context: T;
}

/** How long and how many. */
export interface HandshakeLimits {
  readonly deadlineMs: number;
  readonly max: number;
}

/**
 * The handshakes under way, the one that has lasted longest first. When there are too many, that one has to go: honest
 * ones take milliseconds, so it is the silent ones that pile up there, and a newcomer always gets in.
 */
export class Handshakes<T> {
  readonly #limits: HandshakeLimits;
  readonly #clock: Clock;
  readonly #onGivenUp: (handshake: Handshake<T>, reason: 'timeout' | 'crowded out') => void;
  readonly #pending = new Map<Socket, { readonly handshake: Handshake<T>; readonly timer: Timer }>();

  constructor(
    limits: HandshakeLimits,
    clock: Clock,
    onGivenUp: (handshake: Handshake<T>, reason: 'timeout' | 'crowded out') => void,
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#onGivenUp = onGivenUp;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Takes a connection in, and another one's place if need be. */
  begin(socket: Socket, context: T): Handshake<T> {
    for (const { handshake } of this.#pending.values()) {
      if (this.#pending.size < this.#limits.max) break;
      this.#giveUp(handshake, 'crowded out');
    }
    const handshake = {
      socket,
      startedMs: this.#clock.now(),
      // Asked for now: a socket forgets it when it is closed.
      remoteAddress: socket.remoteAddress,
      context,
    };
    const timer = this.#clock.after(this.#limits.deadlineMs, () => this.#giveUp(handshake, 'timeout'));
    this.#pending.set(socket, { handshake, timer });
    return handshake;
  }

  /** The handshake of a socket, as long as it is under way. */
  of(socket: Socket | undefined): Handshake<T> | undefined {
    return socket === undefined ? undefined : this.#pending.get(socket)?.handshake;
  }

  /** Says that it is over; false when it was before. */
  end(handshake: Handshake<T>): boolean {
    this.#pending.get(handshake.socket)?.timer.cancel();
    return this.#pending.delete(handshake.socket);
  }

  /** Cuts all of them, and says nothing. */
  cutAll(): void {
    for (const { handshake } of this.#pending.values()) {
      this.end(handshake);
      handshake.socket.destroy();
    }
  }

  #giveUp(handshake: Handshake<T>, reason: 'timeout' | 'crowded out'): void {
    if (!this.end(handshake)) return;
    handshake.socket.destroy();
    this.#onGivenUp(handshake, reason);
  }
}
