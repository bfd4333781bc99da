import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A proxy that cuts each connection after so many bytes of what the server says, and lets the rest through for ever. */
export class CuttingProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #cutsAfterBytes: number[];

  private constructor(target: string, cutsAfterBytes: readonly number[]) {
    this.#cutsAfterBytes = [...cutsAfterBytes];
    this.#server = createServer((client) => this.#join(client, target));
  }

  static async start(target: string, cutsAfterBytes: readonly number[], port = 0): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(target, cutsAfterBytes);
    proxy.#server.listen(port, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get endpoint(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    return `127.0.0.1:${address.port}`;
  }

  /** Cuts all connections there are. */
  cutNow(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutNow();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, target: string): void {
    const [host = '', port = ''] = target.split(':');
    const server = connect(Number(port), host);
    let leftBytes = this.#cutsAfterBytes.shift() ?? Infinity;
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    client.pipe(server);
    server.on('data', (chunk: Buffer) => {
      client.write(chunk.subarray(0, Math.min(chunk.length, leftBytes)));
      leftBytes -= chunk.length;
      if (leftBytes > 0) return;
      // What was written before still arrives, and then the end.
      client.end();
      server.destroy();
    });
  }
}
