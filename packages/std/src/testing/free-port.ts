import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems give to connections that go out (Linux from 32768 on, others from 49152): one of those may
 * be taken between the moment it is found free and that when somebody listens on it.
 */
const range = { from: 10_000, to: 32_000 };

/** This process gives out none twice. */
const given = new Set<number>();

/** A port of 127.0.0.1 on which nobody listens at the moment, for a process that has to be told one. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(range.from, range.to);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

/** Free at every address of the machine: some listen on all of them. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port);
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
