import { ManualClock } from '@quorate/std/testing';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { TcpGateway, type TcpEndpoint, type TcpGatewayOptions } from '../src/index.ts';

/** Sockets and servers of a test, which are closed when it ends, the last one first. */
export class Resources {
  readonly #open: (() => unknown)[] = [];

  add(close: () => unknown): void {
    this.#open.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#open.splice(0).toReversed()) await close();
  }
}

/** A server of plain sockets in place of a member. */
export class FakeMember {
  readonly endpoint: TcpEndpoint;
  readonly #server: Server;
  readonly #sockets: Socket[] = [];
  readonly #waiting: ((socket: Socket) => void)[] = [];

  private constructor(server: Server) {
    this.#server = server;
    // What listens on a port has an address, and no name of a pipe.
    this.endpoint = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => {});
      const wake = this.#waiting.shift();
      if (wake === undefined) this.#sockets.push(socket);
      else wake(socket);
    });
  }

  static async start(resources: Resources, { port = 0 } = {}): Promise<FakeMember> {
    const server = createServer({ allowHalfOpen: true });
    await once(server.listen(port, '127.0.0.1'), 'listening');
    const member = new FakeMember(server);
    resources.add(() => member.stop());
    return member;
  }

  /** The next connection, or one that is there already. */
  accept(): Promise<Socket> {
    const socket = this.#sockets.shift();
    if (socket !== undefined) return Promise.resolve(socket);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** How many connections nobody has asked for. */
  get unclaimed(): number {
    return this.#sockets.length;
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }
}

/** What a gateway has told, a line each, and what can be waited for. */
export class Told {
  readonly lines: string[] = [];
  #wake = (): void => {};

  readonly observer = {
    onEndpointDown: ({ endpoint }: { endpoint: string }) => this.#add(`down ${endpoint}`),
    onEndpointUp: ({ endpoint }: { endpoint: string }) => this.#add(`up ${endpoint}`),
    onRefused: ({ reason }: { reason: string }) => this.#add(`refused: ${reason}`),
    onLocalError: (error: Error) => this.#add(`local: ${error.message}`),
  };

  async line(line: string): Promise<void> {
    while (!this.lines.includes(line)) await new Promise<void>((resolve) => (this.#wake = resolve));
  }

  #add(line: string): void {
    this.lines.push(line);
    this.#wake();
  }
}

/** A gateway on a port of its own, whose time stands still, and what it tells. */
export async function startGateway(resources: Resources, options: TcpGatewayOptions) {
  const clock = new ManualClock();
  const told = new Told();
  const gateway = await TcpGateway.start({
    listenAddress: '127.0.0.1:0',
    clock,
    observer: told.observer,
    ...options,
  });
  resources.add(() => gateway.close());
  return { gateway, clock, told };
}

/** A connection to a gateway, which does not end its half when the other side does. */
export async function connectTo({ port }: TcpGateway, resources: Resources): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  socket.on('error', () => {});
  resources.add(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A connection that has reached that member, and passes bytes: time may go on from here. */
export async function connectThrough(gateway: TcpGateway, member: FakeMember, resources: Resources) {
  const client = await connectTo(gateway, resources);
  const server = await member.accept();
  client.write('hello');
  await expectText(server, 'hello');
  return { client, server };
}

/** All bytes until the other side ends, as text. */
export async function textFrom(socket: Socket): Promise<string> {
  let text = '';
  for await (const piece of socket) text += String(piece);
  return text;
}

/** Bytes until there are as many as the text has. */
export async function expectText(socket: Socket, text: string): Promise<string> {
  let received = '';
  while (received.length < text.length) {
    const piece: unknown = socket.read() ?? (await once(socket, 'readable'), '');
    received += String(piece);
  }
  return received;
}
