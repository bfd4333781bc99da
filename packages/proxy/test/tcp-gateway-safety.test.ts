import { SeededRandom } from '@quorate/std';
import { freePort } from '@quorate/client/testing';
import { ManualClock } from '@quorate/std/testing';
import { CertificateAuthority, CertificateFolder } from '@quorate/tls/testing';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer as createTlsServer, type Server } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { TcpGateway } from '../src/index.ts';
import { EndpointList } from '../src/tcp-gateway-endpoints.ts';
import { connectTo, FakeMember, Resources, startGateway, textFrom } from './tcp-gateway-peers.ts';

const resources = new Resources();
afterEach(() => resources.close());

const ca = await CertificateAuthority.create();
const stranger = await CertificateAuthority.create('stranger');
const folder = new CertificateFolder();
const trustedCa = folder.write('ca.crt', ca.pem, '--trusted-ca-file');
afterAll(() => rmSync(folder.path, { recursive: true }));

/** A member with TLS that shows a certificate of that authority, for that name besides its address. */
async function secureMember(authority: CertificateAuthority, dns = 'localhost') {
  const { cert, key } = await authority.issue({ dns: [dns] });
  const server: Server = createTlsServer({ cert, key }, (socket) => socket.end('secret'));
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  resources.add(() => server.close());
  // What listens on a port has an address, and no name of a pipe.
  const { port } = server.address() as AddressInfo;
  const show = async (other: CertificateAuthority) => server.setSecureContext(await other.issue());
  return { endpoint: { host: '127.0.0.1', port }, name: `127.0.0.1:${port}`, show };
}

describe('a gateway does not take itself for a member', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', 'localhost'],
    ['0.0.0.0', '127.0.0.1'],
    ['', '127.0.0.1'],
    ['[::]', '127.0.0.1'],
    ['localhost', '127.0.0.1'],
  ])('when it listens on "%s" and the endpoint is %s', async (listenHost, host) => {
    const port = await freePort();
    const listenAddress = `${listenHost}:${port}`;
    await expect(TcpGateway.start({ listenAddress, endpoints: [{ host, port }] })).rejects.toMatchObject({
      code: 'GATEWAY_OWN_ADDRESS',
      message: expect.stringContaining('should not resolve to the gateway listen addr') as string,
    });
  });

  test('when a name has become its own address since it was started', async () => {
    const port = await freePort();
    const { gateway, told } = await startGateway(resources, {
      listenAddress: `127.0.0.1:${port}`,
      endpoints: [{ host: 'localhost', port }],
      lookup: async (host) => (host === 'localhost' ? ['192.0.2.1'] : [host]),
    });
    await textFrom(await connectTo(gateway, resources)).catch(() => {});
    expect(told.lines).toContain(`down localhost:${port}`);
    expect(gateway.endpoints).toEqual([{ endpoint: `localhost:${port}`, isUp: false }]);
  });
});

describe('endpoints that have to show a certificate', () => {
  test('are used when it leads back to the authority', async () => {
    const member = await secureMember(ca);
    const { gateway } = await startGateway(resources, { endpoints: [member.endpoint], proof: { trustedCa } });
    expect(gateway.endpoints).toEqual([{ endpoint: member.name, isUp: true }]);
  });

  test('are not used when it is of another authority, or for another name, or there is none', async () => {
    const [good, strange, named] = [
      await secureMember(ca, 'example.com'),
      await secureMember(stranger, 'example.com'),
      await secureMember(ca),
    ];
    const plain = await FakeMember.start(resources);
    void plain.accept().then((socket) => socket.end('no TLS here, at all'));
    const { gateway } = await startGateway(resources, {
      endpoints: [good.endpoint, strange.endpoint, named.endpoint, plain.endpoint],
      proof: { trustedCa, serverName: 'example.com' },
    });
    expect(gateway.endpoints.map(({ isUp }) => isUp)).toEqual([true, false, false, false]);
  });

  test('are refused together with the gateway when none of them can show one, each with its reason', async () => {
    const [strange, gone] = [await secureMember(stranger), await FakeMember.start(resources)];
    gone.stop();
    const starting = startGateway(resources, {
      endpoints: [strange.endpoint, gone.endpoint],
      proof: { trustedCa },
    });
    await expect(starting).rejects.toMatchObject({ code: 'GATEWAY_UNPROVEN' });
    await expect(starting).rejects.toThrow(
      /^no endpoint has shown a certificate that is trusted \(.*127\.0\.0\.1:\d+: .*certificate.*\)$/,
    );
    await expect(starting).rejects.toThrow(/connect ECONNREFUSED/);
  });

  test('that were set aside are used again only with a certificate that is trusted', async () => {
    const member = await secureMember(ca);
    const other = await secureMember(stranger);
    const { gateway, clock, told } = await startGateway(resources, {
      endpoints: [member.endpoint, other.endpoint],
      proof: { trustedCa },
    });
    await other.show(ca);
    clock.advance(60_000);
    await told.line(`up ${other.name}`);
    expect(gateway.endpoints.every(({ isUp }) => isUp)).toBe(true);
  });

  test('may not be silent for ever', async () => {
    const { clock, told, starting } = startLate({ trustedCa }, await FakeMember.start(resources));
    await told;
    clock.advance(5_000);
    await expect(starting).rejects.toThrow('no answer within 5000 ms');
  });
});

/** Starts a gateway before a member that takes connections and says nothing. */
function startLate(proof: { readonly trustedCa: typeof trustedCa }, member: FakeMember) {
  const clock = new ManualClock();
  const told = member.accept();
  const starting = TcpGateway.start({
    listenAddress: '127.0.0.1:0',
    endpoints: [member.endpoint],
    proof,
    clock,
  });
  starting.catch(() => {});
  return { clock, told, starting };
}

describe('what makes no sense is refused', () => {
  const endpoints = [{ host: '127.0.0.1', port: 2379 }];
  test.each([
    [{ endpoints: [] }, 'GATEWAY_OPTIONS', 'no endpoints found: name at least one by --endpoints'],
    [
      { endpoints, listenAddress: 'bad' },
      'GATEWAY_OPTIONS',
      '--listen-addr: "bad" is not of the form host:port',
    ],
    [{ endpoints, listenAddress: 'a:70000' }, 'GATEWAY_OPTIONS', '"a:70000" is not of the form host:port'],
    [
      { endpoints: [{ host: 'a', port: 0 }] },
      'GATEWAY_OPTIONS',
      '--endpoints: "a" with port 0 is no address',
    ],
    [{ endpoints, retryDelayMs: 0 }, 'GATEWAY_OPTIONS', 'retryDelayMs: 0 must be longer than 0'],
    [
      { endpoints, maxConnections: 0.5 },
      'GATEWAY_OPTIONS',
      'maxConnections: 0.5 is no positive whole number',
    ],
    [
      {
        endpoints: [{ host: 'none.invalid', port: 1 }],
        lookup: () => Promise.reject(new Error('ENOTFOUND')),
      },
      'GATEWAY_UNRESOLVED',
      'failed to resolve endpoint host: none.invalid (ENOTFOUND): correct it, or see to its DNS',
    ],
  ])('%o', async (options, code, message) => {
    await expect(TcpGateway.start(options)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message) as string,
    });
  });

  test('an address that is taken', async () => {
    const taken = await FakeMember.start(resources);
    const listenAddress = `127.0.0.1:${taken.endpoint.port}`;
    await expect(TcpGateway.start({ listenAddress, endpoints })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});

describe('of endpoints in SRV records', () => {
  const list = (...records: readonly (readonly [priority: number, weight: number])[]) =>
    new EndpointList(
      records.map(([priority, weight], port) => ({ host: 'h', port, priority, weight })),
      new SeededRandom(1),
    );
  /** How often each is picked in a thousand times. */
  const counts = (endpoints: EndpointList): number[] => {
    const picked = endpoints.all.map(() => 0);
    for (let i = 0; i < 1_000; i++) picked[endpoints.pick()?.port ?? 0]! += 1;
    return picked;
  };

  test('those of the lowest priority are used, and the others when these are down', () => {
    const endpoints = list([1, 0], [0, 0], [0, 0], [1, 0]);
    expect(counts(endpoints)).toEqual([0, 500, 500, 0]);
    for (const { priority, port } of endpoints.all) endpoints.all[port]!.isUp = priority === 1;
    expect(counts(endpoints)).toEqual([500, 0, 0, 500]);
  });

  test('each gets a part that is as large as its weight, and those without one hardly any', () => {
    const [light = 0, heavy = 0, none = 0] = counts(list([0, 10], [0, 30], [0, 0]));
    expect(heavy / light).toBeGreaterThan(2.4);
    expect(heavy / light).toBeLessThan(3.6);
    expect(none).toBeGreaterThan(0);
    expect(none).toBeLessThan(30);
  });

  test('none is picked when none is up', () => {
    const endpoints = list([0, 0]);
    endpoints.all[0]!.isUp = false;
    expect(endpoints.pick()).toBeUndefined();
  });
});
