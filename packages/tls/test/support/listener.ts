import { once } from 'node:events';
import { connect as connectPlain, createServer, type Server, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { ServerTls, type ServerTlsOptions, type TlsIdentity, type TlsRefusal } from '../../src/index.ts';

/** How a connection ended: served, with what the server knows of the client, or not. */
export type Outcome =
  | { readonly served: true; readonly alpn: string; readonly isResumed: boolean; readonly protocol: string }
  | { readonly served: false; readonly code: string };

/** A listener behind a `ServerTls`, which says hello to whoever gets in; and what its observer was told. */
export class Listener implements AsyncDisposable {
  readonly tls: ServerTls;
  readonly port: number;
  readonly refusals: { readonly reason: TlsRefusal; readonly detail: string }[] = [];
  readonly warnings: string[] = [];
  readonly reloads: string[] = [];
  readonly identities: TlsIdentity[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #accepted = 0;
  #wake = Promise.withResolvers<void>();

  static async open(
    options: Partial<ServerTlsOptions> & Pick<ServerTlsOptions, 'cert' | 'key'>,
  ): Promise<Listener> {
    // What is told while it opens belongs to it as well.
    const told: { to?: Listener; early: (() => void)[] } = { early: [] };
    const tell = (act: (listener: Listener) => void) => {
      if (told.to === undefined) told.early.push(() => act(told.to!));
      else act(told.to);
      told.to?.wake();
    };
    const tls = await ServerTls.open({
      alpn: ['http/1.1', 'h2'],
      ...options,
      observer: {
        onRefused: ({ reason, detail }) => tell(({ refusals }) => refusals.push({ reason, detail })),
        onWarning: (message) => tell(({ warnings }) => warnings.push(message)),
        onReloaded: () => tell(({ reloads }) => reloads.push('reloaded')),
        onReloadFailed: ({ error }) => tell(({ reloads }) => reloads.push(String(error))),
      },
    });
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    told.to = new Listener(tls, server);
    for (const act of told.early) act();
    return told.to;
  }

  private constructor(tls: ServerTls, server: Server) {
    this.tls = tls;
    this.#server = server;
    const address = server.address();
    this.port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    server.on('connection', (socket) => {
      this.#accepted++;
      this.#sockets.add(socket);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.wake();
      });
      tls.accept(socket, (secured, identity) => {
        this.identities.push(identity);
        secured.write('hello');
        secured.on('data', (data: Buffer) => secured.write(data));
        this.wake();
      });
      this.wake();
    });
  }

  /** Connections that are open, secured or not. */
  get open(): number {
    return this.#sockets.size;
  }

  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }

  /** Resolves when something holds, which is asked again whenever something happens here. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#wake.promise;
  }

  /** Dials, and waits for the hello, or for the end. */
  async dial(options: ConnectionOptions): Promise<Outcome> {
    const socket = this.connect(options);
    try {
      return await outcomeOf(socket);
    } finally {
      socket.destroy();
    }
  }

  connect(options: ConnectionOptions): TLSSocket {
    return connect({ host: '127.0.0.1', port: this.port, servername: 'localhost', ...options });
  }

  /** A connection that says nothing by itself. */
  async connectSilently(): Promise<Socket> {
    const before = this.#accepted;
    const socket = connectPlain(this.port, '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    await this.until(() => this.#accepted > before);
    return socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tls.close();
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}

/** Waits for the hello of the server, or for the end. */
export function outcomeOf(socket: TLSSocket): Promise<Outcome> {
  return new Promise((resolve) => {
    let code = 'closed';
    socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? error.message));
    socket.on('close', () => resolve({ served: false, code }));
    socket.once('data', () =>
      resolve({
        served: true,
        alpn: String(socket.alpnProtocol),
        isResumed: socket.isSessionReused(),
        protocol: String(socket.getProtocol()),
      }),
    );
  });
}

/** Resolves when a socket is closed, by an error or not. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
