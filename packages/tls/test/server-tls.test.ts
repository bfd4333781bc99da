import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { CertificateAuthority } from '../src/testing/index.ts';
import { setUp, showing } from './support/setup.ts';

const { ca, folder, mutual, plain, open } = await setUp();

test('without authorities everybody gets in, and nobody has a name', async () => {
  const listener = await open(plain);
  expect(await listener.dial({ ca: ca.pem })).toMatchObject({ served: true, protocol: 'TLSv1.3' });
  // Even a certificate that would be good is not asked for.
  await listener.dial(showing(ca, await ca.issue({ commonName: 'root' })));
  expect(listener.identities).toEqual([{ commonName: undefined }, { commonName: undefined }]);
});

test('with authorities the name of a client is that of its certificate', async () => {
  const listener = await open(mutual);
  for (const commonName of ['alice', undefined]) {
    const issued = await ca.issue(commonName === undefined ? {} : { commonName });
    expect(await listener.dial(showing(ca, issued))).toMatchObject({ served: true });
  }
  expect(listener.identities).toEqual([{ commonName: 'alice' }, { commonName: undefined }]);
});

test('HTTP/1.1 is taken where a client has both, so that HTTP/2 is left to gRPC', async () => {
  const listener = await open(plain);
  const alpnOf = async (ALPNProtocols?: string[]) =>
    listener.dial({ ca: ca.pem, ...(ALPNProtocols && { ALPNProtocols }) });
  expect(await alpnOf(['h2'])).toMatchObject({ alpn: 'h2' });
  expect(await alpnOf(['h2', 'http/1.1'])).toMatchObject({ alpn: 'http/1.1' });
  expect(await alpnOf()).toMatchObject({ served: true, alpn: 'false' });
  expect(await alpnOf(['spdy/3'])).toMatchObject({ served: false });
});

test.each([
  ['no certificate', 'no certificate', async () => ({ ca: ca.pem })],
  [
    'an expired one',
    'expired certificate',
    async () => showing(ca, await ca.issue({ fromDays: -3, toDays: -1 })),
  ],
  [
    'one that is not valid yet',
    'certificate not yet valid',
    async () => showing(ca, await ca.issue({ fromDays: 1 })),
  ],
  ['one for servers only', 'wrong purpose', async () => showing(ca, await ca.issue({ usage: ['server'] }))],
  [
    'one of another authority',
    'untrusted certificate',
    async () => showing(ca, await (await CertificateAuthority.create('other')).issue({})),
  ],
  [
    'one of another authority of the same name',
    'untrusted certificate',
    async () => showing(ca, await (await CertificateAuthority.create(ca.name)).issue({})),
  ],
] as const)('a client with %s is refused, for TLS 1.2 and 1.3', async (_what, reason, client) => {
  const listener = await open(mutual);
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    expect(await listener.dial({ ...(await client()), maxVersion })).toMatchObject({ served: false });
  }
  expect(listener.refusals.map((refusal) => refusal.reason)).toEqual([reason, reason]);
  expect(listener.identities).toEqual([]);
});

test('a client of an intermediate authority gets in when it sends that as well', async () => {
  const below = await ca.intermediate('below');
  const issued = await below.issue({ commonName: 'bob' });
  const listener = await open(mutual);
  expect(await listener.dial(showing(ca, issued))).toMatchObject({ served: true });
  const alone = { ...issued, cert: issued.cert.slice(0, issued.cert.indexOf('-----END') + 26) };
  expect(await listener.dial(showing(ca, alone))).toMatchObject({ served: false });
});

test('an authority without its root is warned of: Node would refuse its certificates', async () => {
  const below = await ca.intermediate('below');
  const trustedCa = folder.write('below.crt', below.pem, '--trusted-ca-file');
  const listener = await open({ ...plain, trustedCa });
  expect(listener.warnings).toEqual([
    expect.stringMatching(/^--trusted-ca-file: .*"CN=below", but not "CN=test-ca"/),
  ]);
  expect(await listener.dial(showing(ca, await below.issue()))).toMatchObject({ served: false });
  const both = await open({ ...plain, trustedCa: folder.write('both.crt', below.pem + ca.pem) });
  expect(both.warnings).toEqual([]);
  expect(await both.dial(showing(ca, await below.issue()))).toMatchObject({ served: true });
});

test('only the common names that are allowed get in', async () => {
  const allowed = {
    commonNames: ['m1', 'm2'],
    hostNames: [],
    flags: { commonNames: '--peer-cert-allowed-cn', hostNames: '--peer-cert-allowed-hostname' },
  };
  const listener = await open({ ...mutual, allowed });
  for (const [commonName, served] of [
    ['m1', true],
    ['m2', true],
    ['m3', false],
    ['M1', false],
    ['', false],
  ] as const) {
    const issued = await ca.issue(commonName === '' ? {} : { commonName });
    expect(await listener.dial(showing(ca, issued)), commonName).toMatchObject({ served });
  }
  expect(new Set(listener.refusals.map(({ reason }) => reason))).toEqual(new Set(['name not allowed']));
});

test('only the host names that are allowed get in, and the common name is none', async () => {
  const flags = { commonNames: '--a', hostNames: '--client-cert-allowed-hostname' };
  const listener = await open({
    ...mutual,
    allowed: { commonNames: [], hostNames: ['m1.etcd.local', '10.0.0.7'], flags },
  });
  const dial = async (options: Parameters<CertificateAuthority['issue']>[0]) =>
    (await listener.dial(showing(ca, await ca.issue(options)))).served;
  expect(await dial({ dns: ['m1.etcd.local'], ips: [] })).toBe(true);
  expect(await dial({ dns: ['*.etcd.local'], ips: [] })).toBe(true);
  expect(await dial({ dns: [], ips: ['10.0.0.7'] })).toBe(true);
  expect(await dial({ dns: ['other.local'], ips: ['10.0.0.8'] })).toBe(false);
  expect(await dial({ commonName: 'm1.etcd.local', dns: [], ips: [] })).toBe(false);
});

test.each([
  ['says nothing', Buffer.alloc(0)],
  ['has begun a handshake', Buffer.from([22, 3, 1])],
])('whoever closes his side and %s is gone, where sides may be closed one by one, too', async (_, said) => {
  const { tls, refusals } = await open(plain);
  const server = createServer({ allowHalfOpen: true }, (socket) => tls.accept(socket, () => {}));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  const socket = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1').resume();
  socket.end(said);
  await once(socket, 'close');
  expect(tls.handshakes).toBe(0);
  expect(refusals.map(({ reason }) => reason)).toEqual(['closed by the other side']);
  server.close();
});
