import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A way to a server, which can be shut, opened again, and left standing without a word coming through. */
export class Door implements AsyncDisposable {
  readonly #target: string;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;
  #isSilent = false;

  private constructor(target: string) {
    this.#target = target.replace(/^https?:\/\//, '');
  }

  static async to(target: string): Promise<Door> {
    const door = new Door(target);
    await door.open();
    return door;
  }

  /** `host:port`, the same for ever. */
  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async open(): Promise<void> {
    this.#isSilent = false;
    this.#server = createServer((client) => this.#join(client));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
    this.#port = address.port;
  }

  /** Cuts all connections, and takes no more. */
  async shut(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const socket of this.#sockets) socket.destroy();
    if (server === undefined) return;
    server.close();
    await once(server, 'close');
  }

  /** From now on connections are taken, and nobody is heard. */
  silence(): void {
    this.#isSilent = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shut();
  }

  #join(client: Socket): void {
    const [host = '', port = ''] = this.#target.split(':');
    const server = connect(Number(port), host);
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
    server.on('data', (chunk) => {
      if (!this.#isSilent) client.write(chunk);
    });
  }
}
