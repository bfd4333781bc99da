import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import {
  connectThrough,
  connectTo,
  expectText,
  FakeMember,
  Resources,
  startGateway,
  textFrom,
} from './tcp-gateway-peers.ts';

const resources = new Resources();
afterEach(() => resources.close());

const member = (options?: { readonly port: number }) => FakeMember.start(resources, options);
const nameOf = ({ endpoint: { host, port } }: FakeMember) => `${host}:${port}`;

/** A client and the member that its connection went to. */
async function pair(settings: { readonly halfClosedTimeoutMs?: number } = {}) {
  const one = await member();
  const started = await startGateway(resources, { endpoints: [one.endpoint], ...settings });
  return { ...started, ...(await connectThrough(started.gateway, one, resources)) };
}

describe('bytes', () => {
  test('go both ways, whatever they are', async () => {
    const { client, server } = await pair();
    client.write(Buffer.from([0, 255, 13, 10]));
    const [request] = (await once(server, 'data')) as [Buffer];
    expect([...request]).toEqual([0, 255, 13, 10]);
    server.write('answer');
    expect(await expectText(client, 'answer')).toBe('answer');
  });

  test('of one side may end before those of the other', async () => {
    const { client, server } = await pair();
    client.end('question');
    expect(await textFrom(server)).toBe('question');
    server.write('first ');
    expect(await expectText(client, 'first ')).toBe('first ');
    server.end('and last');
    expect(await textFrom(client)).toBe('and last');
  });

  test('that a client does not read wait at the member, not in the gateway', async () => {
    const { client, server } = await pair();
    const piece = Buffer.alloc(1 << 16);
    const count = 4_096;
    let produced = 0;
    const source = Readable.from(
      (function* () {
        for (; produced < count; produced++) yield piece;
      })(),
    );
    source.pipe(server);
    await once(client, 'readable');
    // As long as more is taken, let it be: without bounds it would be all of it.
    for (let before = -1, still = 0; still < 500; still = before === produced ? still + 1 : 0) {
      before = produced;
      await nextTurn();
    }
    expect(produced).toBeLessThan(count / 4);

    let received = 0;
    for await (const chunk of client as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received === count * piece.length) break;
    }
    expect(received).toBe(count * piece.length);
  });

  test('that broke off at the member break off at the client, and the other way round', async () => {
    const first = await pair();
    first.server.resetAndDestroy();
    const [error] = (await once(first.client, 'error')) as [Error];
    expect(error).toMatchObject({ code: 'ECONNRESET' });

    const second = await pair();
    second.client.resetAndDestroy();
    const [other] = (await once(second.server, 'error')) as [Error];
    expect(other).toMatchObject({ code: 'ECONNRESET' });
  });
});

describe('a connection that is half closed', () => {
  const halfClosedTimeoutMs = 1_000;

  test('is cut when it carries nothing for long', async () => {
    const { client, server, clock } = await pair({ halfClosedTimeoutMs });
    client.end();
    await textFrom(server);
    clock.advance(halfClosedTimeoutMs);
    expect(client.destroyed).toBe(false);
    const cut = once(client, 'error');
    clock.advance(halfClosedTimeoutMs);
    expect(await cut).toMatchObject([{ code: 'ECONNRESET' }]);
  });

  test('stays as long as bytes move', async () => {
    const { client, server, clock } = await pair({ halfClosedTimeoutMs });
    client.end();
    await textFrom(server);
    for (let i = 0; i < 5; i++) {
      server.write('on');
      expect(await expectText(client, 'on')).toBe('on');
      clock.advance(halfClosedTimeoutMs);
    }
    server.end('end');
    expect(await textFrom(client)).toBe('end');
  });

  test('a connection that is not may be silent for ever', async () => {
    const { client, server, clock } = await pair({ halfClosedTimeoutMs });
    clock.advance(1e9);
    client.write('still');
    expect(await expectText(server, 'still')).toBe('still');
  });
});

describe('endpoints', () => {
  test('take connections in turn', async () => {
    const members = [await member(), await member(), await member()];
    const { gateway } = await startGateway(resources, { endpoints: members.map(({ endpoint }) => endpoint) });
    for (let i = 0; i < 6; i++) {
      await connectTo(gateway, resources);
      await members[i % 3]?.accept();
    }
    expect(members.map(({ unclaimed }) => unclaimed)).toEqual([0, 0, 0]);
  });

  test('that refuse are set aside at once, and nobody notices', async () => {
    const [dead, alive] = [await member(), await member()];
    dead.stop();
    const { gateway, told } = await startGateway(resources, { endpoints: [dead.endpoint, alive.endpoint] });
    for (let i = 0; i < 3; i++) {
      await connectTo(gateway, resources);
      await alive.accept();
    }
    expect(told.lines).toEqual([`down ${nameOf(dead)}`]);
    expect(gateway.endpoints).toEqual([
      { endpoint: nameOf(dead), isUp: false },
      { endpoint: nameOf(alive), isUp: true },
    ]);
  });

  test('that were set aside are tried after the delay, not before, and used again when they answer', async () => {
    const [lame, sound] = [await member(), await member()];
    lame.stop();
    const { gateway, clock, told } = await startGateway(resources, {
      endpoints: [lame.endpoint, sound.endpoint],
      retryDelayMs: 60_000,
    });
    await connectThrough(gateway, sound, resources);
    const back = await member({ port: lame.endpoint.port });
    clock.advance(59_999);
    await connectThrough(gateway, sound, resources);
    expect(back.unclaimed).toBe(0);

    clock.advance(1);
    await told.line(`up ${nameOf(lame)}`);
    const probe = await back.accept();
    expect(await textFrom(probe)).toBe('');
    await connectTo(gateway, resources);
    await connectTo(gateway, resources);
    await Promise.all([back.accept(), sound.accept()]);
  });

  test('that die while connections stand take these with them, and the next goes elsewhere', async () => {
    const [one, other] = [await member(), await member()];
    const { gateway } = await startGateway(resources, { endpoints: [one.endpoint, other.endpoint] });
    const client = await connectTo(gateway, resources);
    (await one.accept()).destroy();
    one.stop();
    await textFrom(client).catch(() => {});
    await connectTo(gateway, resources);
    await other.accept();
    await connectTo(gateway, resources);
    await other.accept();
  });

  test('when all are dead a connection is closed at once, and works again when one is back', async () => {
    const dead = await member();
    dead.stop();
    const { gateway, clock, told } = await startGateway(resources, { endpoints: [dead.endpoint] });
    expect(await ended(await connectTo(gateway, resources))).toBe('');
    expect(await ended(await connectTo(gateway, resources))).toBe('');
    expect(told.lines).toEqual([`down ${nameOf(dead)}`, 'refused: no endpoint is up']);

    const back = await member({ port: dead.endpoint.port });
    clock.advance(60_000);
    await told.line(`up ${nameOf(dead)}`);
    await back.accept();
    const client = await connectTo(gateway, resources);
    (await back.accept()).end('here again');
    expect(await textFrom(client)).toBe('here again');
  });
});

describe('connections', () => {
  test('beyond the limit are closed at once, and one more is taken when one has ended', async () => {
    const one = await member();
    const { gateway, told } = await startGateway(resources, { endpoints: [one.endpoint], maxConnections: 1 });
    const first = await connectTo(gateway, resources);
    const server = await one.accept();
    expect(await ended(await connectTo(gateway, resources))).toBe('');
    expect(told.lines).toEqual(['refused: there are 1 connections already']);
    first.end();
    server.end();
    await Promise.all([textFrom(first), textFrom(server)]);
    while (gateway.connectionCount > 0) await nextTurn();
    await connectTo(gateway, resources);
    await one.accept();
  });

  test('that stand may go on while the gateway drains, and new ones are refused', async () => {
    const { gateway, client, server } = await pair();
    const closed = gateway.close({ graceMs: 60_000 });
    await expect(connectTo(gateway, resources)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    client.end('last words');
    expect(await textFrom(server)).toBe('last words');
    server.end('heard');
    expect(await textFrom(client)).toBe('heard');
    await closed;
    expect(gateway.connectionCount).toBe(0);
  });

  test('that do not end within the time to drain are cut', async () => {
    const { gateway, client, server, clock } = await pair();
    const closed = gateway.close({ graceMs: 60_000 });
    client.write('still busy');
    expect(await expectText(server, 'still busy')).toBe('still busy');
    const cut = Promise.all([once(client, 'error'), once(server, 'error')]);
    clock.advance(60_000);
    await closed;
    expect(await cut).toMatchObject([[{ code: 'ECONNRESET' }], [{ code: 'ECONNRESET' }]]);
  });

  test('closing twice is closing once', async () => {
    const { gateway } = await pair();
    await Promise.all([gateway.close(), gateway.close({ graceMs: 5 })]);
  });
});

/** What came before the end of a connection that may as well break off. */
async function ended(socket: Socket): Promise<string> {
  return textFrom(socket).catch(() => '');
}
