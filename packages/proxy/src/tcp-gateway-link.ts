import type { Clock, Timer } from '@quorate/std';
import type { Socket } from 'node:net';

/** After this long without a byte, the systems ask each other whether they are still there. */
const keepAliveMs = 30_000;

export interface TcpLinkOptions {
  readonly halfClosedTimeoutMs: number;
  readonly clock: Clock;
  /** Told once, when both connections are gone. */
  readonly onClosed: () => void;
}

/**
 * Two connections whose bytes go from each to the other. Neither is read faster than the other takes it. The end of one's
 * half is the end of the other's, and the other way goes on, for a time; one that breaks off breaks off the other.
 */
export class TcpLink {
  readonly #client: Socket;
  readonly #member: Socket;
  readonly #options: TcpLinkOptions;
  #timer: Timer | undefined;
  #open = 2;

  /** Both have to be open, with half-closing allowed; nothing may have been read from them. */
  constructor(client: Socket, member: Socket, options: TcpLinkOptions) {
    this.#client = client;
    this.#member = member;
    this.#options = options;
    this.#follow(client, member);
    this.#follow(member, client);
  }

  /** Ends both connections at once, so that both sides know that it was not the other's doing. */
  cut(): void {
    breakOff(this.#client);
    breakOff(this.#member);
  }

  #follow(from: Socket, to: Socket): void {
    from.setNoDelay(true);
    from.setKeepAlive(true, keepAliveMs);
    from.once('end', () => this.#limitHalf());
    from.on('error', () => breakOff(to));
    from.once('close', () => {
      // What it has not ended well, nobody will end: but what came from it is still on its way.
      if (!from.readableEnded) breakOff(to);
      if (--this.#open > 0) return;
      this.#timer?.cancel();
      this.#options.onClosed();
    });
    from.pipe(to);
  }

  /** From the end of one half on, bytes have to move, or the connection is cut between one and two such times later. */
  #limitHalf(): void {
    if (this.#timer !== undefined) return;
    const { clock, halfClosedTimeoutMs } = this.#options;
    const look = (before: number): void => {
      const now = this.#moved();
      if (now === before) this.cut();
      else this.#timer = clock.after(halfClosedTimeoutMs, () => look(now));
    };
    look(-1);
  }

  /** Bytes that have come, and bytes that the other side's system has taken. */
  #moved(): number {
    let bytes = 0;
    for (const socket of [this.#client, this.#member]) {
      bytes += socket.bytesRead + socket.bytesWritten - socket.writableLength;
    }
    return bytes;
  }
}

/**
 * Ends a connection so that the other side knows it was broken off. One whose end is just being sent cannot be reset: Node
 * would fail to, and never close it.
 */
function breakOff(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
