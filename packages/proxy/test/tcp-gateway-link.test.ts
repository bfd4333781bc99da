import { systemClock } from '@quorate/std';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { TcpLink } from '../src/tcp-gateway-link.ts';

/** Both ends of a connection over this machine, each half of which may end alone. */
async function pair(): Promise<readonly [Socket, Socket]> {
  const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const accepted = once(listener, 'connection');
  const { port } = listener.address() as AddressInfo; // It listens on a port.
  const near = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {});
  const [far] = (await accepted) as [Socket];
  await once(near, 'connect');
  listener.close();
  return [near, far];
}

test('a link that is cut while the end of a half is being sent on closes both connections', async () => {
  const [outerClient, client] = await pair();
  const [outerMember, member] = await pair();
  const closed = Promise.withResolvers<void>();
  const link = new TcpLink(client, member, {
    halfClosedTimeoutMs: 60_000,
    clock: systemClock,
    onClosed: closed.resolve,
  });
  // The link has just told the client's connection to end when it hears of this, in the same turn.
  member.once('end', () => link.cut());
  outerMember.end();
  await closed.promise;
  expect([client.destroyed, member.destroyed]).toEqual([true, true]);
  for (const socket of [outerClient, outerMember]) socket.destroy();
});
