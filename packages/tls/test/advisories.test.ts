import { once } from 'node:events';
import { connect, createServer } from 'node:tls';
import { ManualClock } from '@quorate/std/testing';
import { expect, test } from 'vitest';
import { closed, outcomeOf } from './support/listener.ts';
import { setUp, showing } from './support/setup.ts';

/** Flaws that were published of etcd and of what it stands on, each by its lesson. */
const { ca, folder, mutual, plain, open } = await setUp();

test('a silent connection is gone at the deadline (GHSA-6vch-q96h-7gc3)', async () => {
  const clock = new ManualClock();
  const listener = await open({ ...plain, clock, handshakeTimeoutMs: 10_000 });
  const silent = await listener.connectSilently();
  const slow = await listener.connectSilently();
  slow.write(Buffer.from([22, 3, 1])); // The beginning of a handshake, and no more.
  clock.advance(9_999);
  expect(listener.tls.handshakes).toBe(2);
  clock.advance(1);
  await Promise.all([closed(silent), closed(slow)]);
  expect(listener.refusals.map(({ reason }) => reason)).toEqual(['timeout', 'timeout']);
});

test('a connection that is secured has no deadline any more', async () => {
  const clock = new ManualClock();
  const listener = await open({ ...plain, clock });
  const socket = listener.connect({ ca: ca.pem });
  expect(await outcomeOf(socket)).toMatchObject({ served: true });
  clock.advance(1_000_000);
  socket.write('still there');
  await once(socket, 'data');
  socket.destroy();
});

test('ten thousand silent connections keep nobody out (GHSA-6vch-q96h-7gc3)', async () => {
  const listener = await open({ ...plain, maxHandshakes: 50 });
  const silent = [];
  for (let i = 0; i < 120; i++) silent.push(await listener.connectSilently());
  expect(listener.tls.handshakes).toBe(50);
  expect(await listener.dial({ ca: ca.pem })).toMatchObject({ served: true });
  expect(listener.refusals.map(({ reason }) => reason)).toEqual(
    Array.from({ length: 71 }, () => 'crowded out'),
  );
  for (const socket of silent) socket.destroy();
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'no session is resumed, so a certificate revoked in between is refused: %s (GHSA-3wh4-j44w-pg92)',
  async (maxVersion) => {
    const crl = folder.write(`resumed-${maxVersion}.crl`, await ca.crl([]), '--client-crl-file');
    const listener = await open({ ...mutual, crl });
    const issued = await ca.issue({ commonName: 'carol' });
    const first = listener.connect({ ...showing(ca, issued), maxVersion });
    let session: Buffer | undefined;
    first.on('session', (ticket: Buffer) => (session = ticket));
    expect(await outcomeOf(first)).toMatchObject({ served: true, isResumed: false });
    // A session of version 1.3 comes at some time after the handshake: here before the answer.
    first.write('and a session?');
    await once(first, 'data');
    session ??= first.getSession();
    first.destroy();
    const again = { ...showing(ca, issued), maxVersion, ...(session && { session }) };
    expect(await listener.dial(again)).toMatchObject({ served: true, isResumed: false });
    folder.write(`resumed-${maxVersion}.crl`, await ca.crl([issued.serial]));
    expect(await listener.dial(again)).toMatchObject({ served: false });
    expect(await listener.dial(showing(ca, issued))).toMatchObject({ served: false });
    expect(listener.refusals.map(({ reason }) => reason)).toEqual([
      'revoked certificate',
      'revoked certificate',
    ]);
  },
);

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'with a server that allows it, the same client does resume: %s',
  async (maxVersion) => {
    const { cert, key } = await ca.issue();
    const server = createServer({ cert, key, maxVersion }, (socket) => socket.write('hello')).listen(
      0,
      '127.0.0.1',
    );
    server.on('tlsClientError', () => {});
    await once(server, 'listening');
    const address = server.address();
    const options = {
      host: '127.0.0.1',
      port: typeof address === 'object' ? address?.port : 0,
      servername: 'localhost',
      ca: ca.pem,
      maxVersion,
    };
    const first = connect(options);
    const session = new Promise<Buffer>((resolve) => first.once('session', resolve));
    await outcomeOf(first);
    first.destroy();
    const again = connect({ ...options, session: await session });
    expect(await outcomeOf(again)).toMatchObject({ served: true, isResumed: true });
    again.destroy();
    server.close();
  },
);

test('a revoked certificate is refused by every listener of the policy (GHSA-3wh4-j44w-pg92)', async () => {
  const issued = await ca.issue();
  const crl = folder.write('every.crl', await ca.crl([issued.serial]), '--client-crl-file');
  for (const alpn of [['h2'], ['http/1.1'], ['http/1.1', 'h2']]) {
    const listener = await open({ ...mutual, crl, alpn });
    expect(await listener.dial({ ...showing(ca, issued), ALPNProtocols: alpn })).toMatchObject({
      served: false,
    });
    expect(await listener.dial({ ...showing(ca, await ca.issue()), ALPNProtocols: alpn })).toMatchObject({
      served: true,
    });
  }
});

test.each([
  'ECDHE-RSA-AES128-SHA',
  'ECDHE-RSA-AES128-SHA256',
  'AES128-GCM-SHA256',
  'AES256-SHA',
  'DHE-RSA-AES128-GCM-SHA256',
])('the weak cipher %s is not to be had (GHSA-5x4g-q5rc-36jp)', async (ciphers) => {
  const listener = await open(folder.writePair('rsa', await ca.issue({ keys: 'rsa' })));
  const dial = (suites: string) => listener.dial({ ca: ca.pem, ciphers: suites, maxVersion: 'TLSv1.2' });
  expect(await dial('ECDHE-RSA-AES128-GCM-SHA256')).toMatchObject({ served: true });
  expect(await dial(ciphers)).toMatchObject({ served: false });
  expect(listener.refusals.map(({ reason }) => reason)).toEqual(['protocol']);
});

test.each(['TLSv1', 'TLSv1.1'] as const)('%s is not spoken', async (version) => {
  const listener = await open(plain);
  const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
  expect(await listener.dial({ ca: ca.pem, ...old })).toMatchObject({ served: false });
});

test('a certificate that nobody has verified is no identity (GHSA-m9gg-hp2v-232j)', async () => {
  const listener = await open(plain);
  expect(await listener.dial(showing(ca, await ca.issue({ commonName: 'root' })))).toMatchObject({
    served: true,
  });
  expect(listener.identities).toEqual([{ commonName: undefined }]);
});

test('no renegotiation', async () => {
  const listener = await open(plain);
  const socket = listener.connect({ ca: ca.pem, maxVersion: 'TLSv1.2' });
  expect(await outcomeOf(socket)).toMatchObject({ served: true });
  const error = await new Promise((resolve) => {
    socket.on('error', resolve);
    if (socket.renegotiate({ rejectUnauthorized: false }, resolve) === false) resolve(new Error('refused'));
  });
  expect(error).toBeInstanceOf(Error);
  socket.destroy();
});

test('no bytes end the process (CVE-2025-59465)', async () => {
  const listener = await open(mutual);
  const hostile = [
    'GET / HTTP/1.1\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    Buffer.alloc(70_000, 0xff),
    Buffer.from([22, 3, 1, 0xff, 0xff, 1]),
    Buffer.from([22, 3, 3, 0, 4, 1, 0, 0, 0]),
    Buffer.from([21, 3, 3, 0, 2, 2, 40]),
    Buffer.from([20, 3, 3, 0, 1, 1]),
  ];
  for (const bytes of hostile) {
    const socket = await listener.connectSilently();
    socket.end(bytes);
    socket.resume();
    await closed(socket);
  }
  await listener.until(() => listener.open === 0);
  expect(listener.tls.handshakes).toBe(0);
  expect(listener.refusals).toHaveLength(hostile.length);
  expect(await listener.dial(showing(ca, await ca.issue()))).toMatchObject({ served: true });
});
