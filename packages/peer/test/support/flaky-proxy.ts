import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Random } from '@quorate/std';

/** What becomes of the bytes that pass. `silent` keeps connections open and forwards nothing. */
export type ProxyMode = 'pass' | 'drop half' | 'silent';

/** A network between two members that can be made bad. */
export class FlakyProxy implements AsyncDisposable {
  mode: ProxyMode = 'pass';
  readonly #random: Random;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: string, random: Random) {
    this.#random = random;
    this.#server = createServer((socket) => {
      const { hostname, port } = new URL(target);
      const upstream = connect(Number(port), hostname);
      this.#forward(socket, upstream);
      this.#forward(upstream, socket);
    });
  }

  static async start(target: string, random: Random): Promise<FlakyProxy> {
    const proxy = new FlakyProxy(target, random);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get url(): string {
    // A server that listens on a TCP port has an address with a port.
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resets every connection. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server.close(), 'close');
  }

  #forward(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on('data', (chunk) => {
      if (this.mode === 'silent' || (this.mode === 'drop half' && this.#random.below(2) === 0)) return;
      to.write(chunk);
    });
  }
}
