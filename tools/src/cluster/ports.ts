import { createServer } from 'node:net';
import { ClusterError, type MemberPorts } from './options.ts';

/** Whether all of these ports can be listened on. @throws ClusterError that names the first that cannot */
export async function checkPortsAreFree(ports: readonly MemberPorts[]): Promise<void> {
  for (const port of ports.flatMap(({ client, peer }) => [client, peer])) {
    const problem = await problemOf(port);
    if (problem !== undefined) {
      throw new ClusterError(
        `port ${port} ${problem}: stop what listens there, or choose others by --base-port`,
      );
    }
  }
}

async function problemOf(port: number): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE' ? 'is taken' : `cannot be listened on (${error.message})`);
    });
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
}
