import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';

/**
 * A port that nobody listens on, below those that systems give to outgoing connections: while a member is down,
 * no connection of anybody may get its port, or it could not come back.
 */
export async function memberPort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_000);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
