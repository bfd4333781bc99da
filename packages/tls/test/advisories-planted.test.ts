/**
 * What published advisories about TLS and certificates teach, of etcd and of what it stands on. Each lesson is a search
 * for breaches that comes to none; and, so that it is known to search, one that finds some when the flaw of the advisory
 * is planted.
 */
import type * as fs from 'node:fs';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { connect as connectPlain, createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import type * as nodeTls from 'node:tls';
import { connect, type ConnectionOptions } from 'node:tls';
import { ManualClock } from '@quorate/std/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { autoTls, ClientTls, type ServerTlsOptions, type TlsIdentity } from '../src/index.ts';
import type * as ciphers from '../src/cipher-suites.ts';
import type * as handshakes from '../src/handshakes.ts';
import type { HandshakeLimits } from '../src/handshakes.ts';
import { commonNameOf } from '../src/names.ts';
import type * as protocol from '../src/protocol.ts';
import { Revocations } from '../src/revocation.ts';
import { CertificateAuthority } from '../src/testing/index.ts';
import { closed, outcomeOf, type Listener } from './support/listener.ts';
import { setUp, showing } from './support/setup.ts';

interface Planted {
  limits: (limits: HandshakeLimits) => HandshakeLimits;
  protocolOf: typeof protocol.protocolOf;
  opensslCiphers: typeof ciphers.opensslCiphers;
  serverOptions: (options: nodeTls.TlsOptions) => nodeTls.TlsOptions;
  chmodSync: typeof fs.chmodSync;
}

/** What stands in for parts of the package, or of Node, while a flaw is planted. */
const planted = vi.hoisted((): { current: Partial<Planted> } => ({ current: {} }));

vi.mock('../src/handshakes.ts', async (importOriginal) => {
  const original = await importOriginal<typeof handshakes>();
  class Handshakes<T> extends original.Handshakes<T> {
    constructor(...[limits, ...rest]: ConstructorParameters<typeof original.Handshakes<T>>) {
      super(planted.current.limits?.(limits) ?? limits, ...rest);
    }
  }
  return { ...original, Handshakes };
});

vi.mock('../src/protocol.ts', async (importOriginal) => {
  const original = await importOriginal<typeof protocol>();
  const protocolOf: typeof protocol.protocolOf = (options) =>
    (planted.current.protocolOf ?? original.protocolOf)(options);
  return { ...original, protocolOf };
});

vi.mock('../src/cipher-suites.ts', async (importOriginal) => {
  const original = await importOriginal<typeof ciphers>();
  const opensslCiphers: typeof ciphers.opensslCiphers = (...args) =>
    (planted.current.opensslCiphers ?? original.opensslCiphers)(...args);
  return { ...original, opensslCiphers };
});

vi.mock('node:tls', async (importOriginal) => {
  const original = await importOriginal<typeof nodeTls>();
  const createServer = (options: nodeTls.TlsOptions): nodeTls.Server =>
    original.createServer(planted.current.serverOptions?.(options) ?? options);
  return { ...original, createServer };
});

vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof fs>();
  const chmod: typeof fs.chmodSync = (...args) => (planted.current.chmodSync ?? original.chmodSync)(...args);
  return { ...original, chmodSync: chmod };
});

const realProtocol = await vi.importActual<typeof protocol>('../src/protocol.ts');
const realFs = await vi.importActual<typeof fs>('node:fs');
const { ca, folder, mutual, plain, open } = await setUp();
const { trustedCa } = mutual;

afterEach(() => {
  planted.current = {};
  vi.restoreAllMocks();
});

describe('GHSA-6vch-q96h-7gc3: whoever has not proved anything yet has a deadline, and is one of so many', () => {
  test('silent and slow connections go at the deadline, and keep nobody out before', async () => {
    expect(await breaches()).toEqual([]);
  });

  test('and no deadline would be found', async () => {
    planted.current.limits = (limits) => ({ ...limits, deadlineMs: Infinity });
    expect(await breaches()).toEqual(['2 connections outlive the deadline']);
  });

  test('and no bound would be found', async () => {
    planted.current.limits = (limits) => ({ ...limits, max: Infinity });
    expect(await breaches()).toEqual(['6 handshakes at the same time']);
  });

  async function breaches(): Promise<string[]> {
    const clock = new ManualClock();
    const listener = await open({ ...plain, clock, handshakeTimeoutMs: 10_000, maxHandshakes: 2 });
    const sockets = [];
    for (let i = 0; i < 6; i++) sockets.push(await listener.connectSilently());
    sockets[5]?.write(Buffer.from([22, 3, 1])); // The beginning of a handshake, and no more.
    const found: string[] = [];
    if (listener.tls.handshakes > 2) found.push(`${listener.tls.handshakes} handshakes at the same time`);
    clock.advance(10_000);
    const late = listener.tls.handshakes;
    if (late > 0) found.push(`${late} connections outlive the deadline`);
    for (const socket of sockets) socket.destroy();
    await Promise.all(sockets.map(closed));
    return found;
  }
});

describe('GHSA-3wh4-j44w-pg92: revocation is asked on every connection, of every listener, resumed or not', () => {
  const protocols = [['h2'], ['http/1.1'], ['http/1.1', 'h2']];

  test('a certificate that is revoked is of no use anywhere', async () => {
    expect(await breachesAnywhere()).toEqual([]);
  });

  test('and a listener that does not ask would be found', async () => {
    const asked = vi.spyOn(Revocations.prototype, 'refusalOf');
    // One wrapper of three was forgotten.
    asked.mockReturnValueOnce('revoked').mockReturnValueOnce(undefined).mockReturnValueOnce('revoked');
    expect(await breachesAnywhere()).toEqual(['served by http/1.1']);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('nor by a session from before: %s', async (version) => {
    expect(await breachesResumed(version)).toEqual([]);
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'and sessions that are resumed would be found: %s',
    async (version) => {
      planted.current.protocolOf = (options) => ({ ...realProtocol.protocolOf(options), secureOptions: 0 });
      expect(await breachesResumed(version)).toEqual(['resumed']);
      // The flaw itself: who resumes is not asked again.
      vi.spyOn(Revocations.prototype, 'refusalOf').mockReturnValue(undefined);
      expect(await breachesResumed(version)).toEqual(['resumed', 'served though revoked']);
    },
  );

  async function breachesAnywhere(): Promise<string[]> {
    const issued = await ca.issue();
    const crl = folder.write('anywhere.crl', await ca.crl([issued.serial]), '--client-crl-file');
    const found: string[] = [];
    for (const alpn of protocols) {
      const listener = await open({ ...mutual, crl, alpn });
      const { served } = await listener.dial({ ...showing(ca, issued), ALPNProtocols: alpn });
      if (served) found.push(`served by ${alpn.join(' and ')}`);
    }
    return found;
  }

  async function breachesResumed(maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string[]> {
    const crl = folder.write('resumed.crl', await ca.crl([]), '--client-crl-file');
    const listener = await open({ ...mutual, crl });
    const issued = await ca.issue({ commonName: 'carol' });
    const first = listener.connect({ ...showing(ca, issued), maxVersion });
    let session: Buffer | undefined;
    first.on('session', (ticket: Buffer) => (session = ticket));
    await outcomeOf(first);
    // A session of version 1.3 comes at some time after the handshake: here before the answer.
    first.write('and a session?');
    await once(first, 'data');
    session ??= first.getSession();
    first.destroy();
    const again: ConnectionOptions = {
      ...showing(ca, issued),
      maxVersion,
      ...(session !== undefined && { session }),
    };
    const found: string[] = [];
    const second = await listener.dial(again);
    if (second.served && second.isResumed) found.push('resumed');
    folder.write('resumed.crl', await ca.crl([issued.serial]));
    if ((await listener.dial(again)).served) found.push('served though revoked');
    return found;
  }
});

describe('GHSA-5x4g-q5rc-36jp: weak ciphers are not to be had', () => {
  const weak = ['ECDHE-RSA-AES128-SHA', 'ECDHE-RSA-AES128-SHA256', 'AES128-GCM-SHA256', 'AES256-SHA'];

  test('whoever offers nothing better is refused', async () => {
    expect(await breaches()).toEqual([]);
  });

  test('and a list that is left to OpenSSL would be found', async () => {
    planted.current.opensslCiphers = () => 'DEFAULT';
    expect(await breaches()).toEqual(weak);
  });

  test('and one that is taken as it was given would be found', async () => {
    planted.current.opensslCiphers = (names) => names.join(':');
    expect(await breaches({ cipherSuites: ['AES256-SHA'] })).toEqual(['AES256-SHA']);
  });

  async function breaches(options: Partial<ServerTlsOptions> = {}): Promise<string[]> {
    const listener = await open({ ...folder.writePair('rsa', await ca.issue({ keys: 'rsa' })), ...options });
    const found: string[] = [];
    for (const suite of weak) {
      const { served } = await listener.dial({ ca: ca.pem, ciphers: suite, maxVersion: 'TLSv1.2' });
      if (served) found.push(suite);
    }
    return found;
  }
});

describe('GHSA-m9gg-hp2v-232j: a certificate that nobody has verified is no identity', () => {
  /** Who somebody is, by what a listener hands over. */
  type Door = (listener: Listener, socket: nodeTls.TLSSocket | undefined) => TlsIdentity | undefined;
  const ownDoor: Door = ({ identities }) => identities[0];

  test('where none is demanded, whoever comes is nobody', async () => {
    expect(await namesBy(ownDoor)).toEqual([undefined, undefined]);
  });

  test('and one that is asked for and believed would be found', async () => {
    planted.current.serverOptions = (options) => ({
      ...options,
      requestCert: true,
      rejectUnauthorized: false,
    });
    expect(await namesBy(ownDoor)).toEqual([undefined, undefined]);
    const flawedDoor: Door = (_listener, socket) => {
      const certificate = socket?.getPeerX509Certificate();
      return { commonName: certificate && commonNameOf(certificate) };
    };
    expect(await namesBy(flawedDoor)).toEqual(['root', 'root']);
  });

  async function namesBy(door: Door): Promise<(string | undefined)[]> {
    const names: (string | undefined)[] = [];
    const stranger = await CertificateAuthority.create('stranger');
    for (const authority of [ca, stranger]) {
      let secured: nodeTls.TLSSocket | undefined;
      const listener = await open({ ...plain });
      const accept = listener.tls.accept.bind(listener.tls);
      listener.tls.accept = (socket, onSecure) => {
        accept(socket, (handed, identity) => {
          secured = handed;
          onSecure(handed, identity);
        });
      };
      const issued = await authority.issue({ commonName: 'root' });
      expect(await listener.dial({ ...showing(ca, issued) })).toMatchObject({ served: true });
      names.push(door(listener, secured)?.commonName);
    }
    return names;
  }
});

describe('GHSA-chh6-ppwq-jh92: what is there already is looked at, too', () => {
  test('a folder and a key that others could use are the owner’s alone from then on', async () => {
    expect(await breaches('tight')).toEqual([]);
  });

  test('and permissions that are left as they are would be found', async () => {
    planted.current.chmodSync = () => {};
    expect(await breaches('loose')).toEqual(['the folder', 'the key']);
  });

  async function breaches(name: string): Promise<string[]> {
    const dir = join(folder.path, name);
    const options = { dir, hosts: ['localhost'], years: 1, flag: '--auto-tls' };
    mkdirSync(dir);
    realFs.chmodSync(dir, 0o777);
    const { key } = await autoTls(options);
    realFs.chmodSync(key.path, 0o644);
    await autoTls(options);
    const isOpen = (path: string): boolean => (statSync(path).mode & 0o077) !== 0;
    const found = [...(isOpen(dir) ? ['the folder'] : []), ...(isOpen(key.path) ? ['the key'] : [])];
    rmSync(dir, { recursive: true });
    return found;
  }
});

/** Opens a connection to a port on this machine by a policy; true when the other side was believed and answered. */
type Dial = (tls: ClientTls, port: number, host: string) => Promise<boolean>;

const ownDial: Dial = async (tls, port, host) => {
  const socket = connect({ port, host: '127.0.0.1', ...tls.connectOptions(host) });
  const { served } = await outcomeOf(socket);
  socket.destroy();
  return served;
};

/** Changes what every policy says of a connection to a host. */
function plantInDialling(flaw: (options: ConnectionOptions, host: string) => ConnectionOptions): void {
  // A descriptor says nothing of the type of what it holds.
  const real = Object.getOwnPropertyDescriptor(ClientTls.prototype, 'connectOptions')?.value as (
    host: string,
  ) => ConnectionOptions;
  vi.spyOn(ClientTls.prototype, 'connectOptions').mockImplementation(function (this: ClientTls, host) {
    return flaw(real.call(this, host), host);
  });
}

describe('GHSA-wr2v-9rpq-c35q: every endpoint is verified by the same path, however it was found', () => {
  const hosts = ['127.0.0.1', 'localhost'];

  test('a server of a stranger is believed nowhere', async () => {
    expect(await breaches()).toEqual([]);
  });

  test('and endpoints of flags that are not verified, as those of DNS are, would be found', async () => {
    plantInDialling((options, host) => {
      const isOfDns = host === 'srv.localhost' || options.servername === 'srv.localhost';
      return isOfDns
        ? options
        : { ...options, rejectUnauthorized: false, checkServerIdentity: () => undefined };
    });
    expect(await breaches()).toEqual(hosts);
  });

  async function breaches(): Promise<string[]> {
    const stranger = await CertificateAuthority.create('stranger');
    const pair = folder.writePair('strange', await stranger.issue({ dns: ['localhost', 'srv.localhost'] }));
    const listener = await open(pair);
    const found: string[] = [];
    for (const host of [...hosts, 'srv.localhost']) {
      if (await ownDial(ClientTls.open({ trustedCa }), listener.port, host)) found.push(host);
    }
    const byName = ClientTls.open({ trustedCa, serverName: 'srv.localhost' });
    if (await ownDial(byName, listener.port, '127.0.0.1')) found.push('by a name of DNS');
    return found;
  }
});

describe('GHSA-j86v-2vjr-fg8f: an endpoint is secure when it has proved it, not when it answers', () => {
  test('a server without TLS is not believed', async () => {
    expect(await isBelieved(ownDial)).toBe(false);
  });

  test('and a check that only connects would be found', async () => {
    const flawedDial: Dial = async (_tls, port, host) => {
      const socket = connectPlain(port, host);
      await once(socket, 'connect');
      socket.destroy();
      return true;
    };
    expect(await isBelieved(flawedDial)).toBe(true);
  });

  async function isBelieved(dial: Dial): Promise<boolean> {
    const server = createServer((socket) => socket.on('error', () => {}).end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const believed = await dial(ClientTls.open({ trustedCa }), port, '127.0.0.1');
    server.close();
    return believed;
  }
});

describe('GHSA-h8g9-6gvh-5mrc: an endpoint is verified whenever it is dialled', () => {
  test('one that shows another certificate after the first time is refused', async () => {
    expect(await breaches()).toEqual([]);
  });

  test('and one that is believed since it was verified once would be found', async () => {
    const verified = new Set<string>();
    plantInDialling((options, host) => {
      const isKnown = verified.has(host);
      verified.add(host);
      return { ...options, ...(isKnown && { rejectUnauthorized: false }) };
    });
    expect(await breaches()).toEqual(['a stranger', 'another name']);
  });

  async function breaches(): Promise<string[]> {
    const stranger = await CertificateAuthority.create('stranger');
    const pair = folder.writePair('swapped', await ca.issue());
    const listener = await open(pair);
    const tls = ClientTls.open({ trustedCa });
    const dial = (): Promise<boolean> => ownDial(tls, listener.port, '127.0.0.1');
    expect(await dial()).toBe(true);
    const found: string[] = [];
    folder.writePair('swapped', await stranger.issue());
    if (await dial()) found.push('a stranger');
    folder.writePair('swapped', await ca.issue({ dns: ['elsewhere'], ips: ['10.0.0.1'] }));
    if (await dial()) found.push('another name');
    return found;
  }
});

describe('CVE-2025-59465: no bytes end the process', () => {
  test('somebody listens for the errors of every socket, secured or not', async () => {
    expect(await unheard((socket) => socket)).toBe(0);
  });

  test('and a socket whose errors nobody hears would be found', async () => {
    expect(await unheard((socket) => socket.removeAllListeners('error'))).toBe(2);
  });

  /** Sockets that were left without a listener: an error would end the process. */
  async function unheard(flaw: (socket: NodeJS.EventEmitter) => unknown): Promise<number> {
    const listener = await open(plain);
    let count = 0;
    const accept = listener.tls.accept.bind(listener.tls);
    const look = (socket: NodeJS.EventEmitter): void => {
      flaw(socket);
      if (socket.listenerCount('error') === 0) count++;
      socket.on('error', () => {});
    };
    listener.tls.accept = (socket, onSecure) => {
      accept(socket, (secured, identity) => {
        look(secured);
        onSecure(secured, identity);
      });
      look(socket);
    };
    expect(await listener.dial({ ca: ca.pem })).toMatchObject({ served: true });
    return count;
  }
});
