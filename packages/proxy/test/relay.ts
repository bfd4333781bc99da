import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A connection to a member that a test can cut. */
export interface Relay extends AsyncDisposable {
  readonly endpoint: string;
  /** Ends all connections; new ones are taken. */
  cut(): void;
}

/** Takes connections and passes all bytes on to `endpoint`, `host:port`. */
export async function startRelay(endpoint: string): Promise<Relay> {
  const [host = '', port = ''] = endpoint.split(':');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const member = connect(Number(port), host);
    for (const [from, to] of [
      [socket, member],
      [member, socket],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {}).once('close', () => to.destroy());
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    endpoint: `127.0.0.1:${address.port}`,
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
