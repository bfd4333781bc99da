import { fromUtf8, toUtf8 } from '@quorate/std';
import { CertificateAuthority, CertificateFolder } from '@quorate/tls/testing';
import { rpcpb, type mvccpb } from '@quorate/wire';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { pipeline } from 'node:stream';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, expect, test } from 'vitest';
import { Client, TlsOptionsError } from '../src/index.ts';
import { FakeServer, type FakeStream } from './fake-server.ts';

type WatchStream = FakeStream<rpcpb.WatchRequest, rpcpb.WatchResponse>;

const oldCa = await CertificateAuthority.create('old');
const newCa = await CertificateAuthority.create('new');
const folder = new CertificateFolder();
afterAll(() => rmSync(folder.path, { recursive: true }));

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).toReversed()) await resource[Symbol.asyncDispose]();
});

function headerAt(revision: bigint): rpcpb.ResponseHeader {
  return { ...rpcpb.ResponseHeader.create(), revision };
}

/** A server that takes puts, and one watch, which is handed to the test. */
async function startFake(): Promise<{ readonly fake: FakeServer; readonly watch: Promise<WatchStream> }> {
  const { promise: watch, resolve } = Promise.withResolvers<WatchStream>();
  const fake = new FakeServer()
    .unary(rpcpb.KVDefinition, rpcpb.KVDefinition.methods.put, () => rpcpb.PutResponse.create())
    .stream(rpcpb.WatchDefinition, rpcpb.WatchDefinition.methods.watch, async (stream) => {
      await stream.next();
      stream.send({ ...rpcpb.WatchResponse.create(), header: headerAt(1n), created: true });
      resolve(stream);
    });
  open.push(await fake.start());
  return { fake, watch };
}

/** TLS in front of a server: it wants certificates of its clients and remembers their serials. */
class TlsFront implements AsyncDisposable {
  readonly serials: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();

  constructor({ endpoint }: FakeServer) {
    const port = Number(endpoint.split(':')[1]);
    this.#server = createServer(
      { requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] },
      (socket) => {
        this.#sockets.add(socket);
        this.serials.push(socket.getPeerCertificate().serialNumber.toLowerCase());
        pipeline(socket, connect(port, '127.0.0.1'), socket, () => {});
      },
    );
  }

  /** Shows a new certificate of that authority to whoever comes from now on, and trusts no other authority. */
  async belongTo(ca: CertificateAuthority): Promise<void> {
    const { cert, key } = await ca.issue();
    this.#server.setSecureContext({ cert, key, ca: ca.pem });
  }

  async listen(): Promise<this> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    open.push(this);
    return this;
  }

  /** The same server by another name, which a client makes another connection for. */
  endpointBy(host: string): string {
    // What a server listens on is an address unless it is a pipe.
    return `https://${host}:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

/** Writes authority, certificate and key of the client, or over them. */
async function writeFiles(ca: CertificateAuthority) {
  const issued = await ca.issue({ commonName: 'client' });
  const { cert, key } = folder.writePair('client', issued);
  return { issued, files: { ca: folder.write('ca.crt', ca.pem), cert, key } };
}

async function setUp() {
  const { fake, watch } = await startFake();
  const front = new TlsFront(fake);
  await front.belongTo(oldCa);
  await front.listen();
  const { issued, files } = await writeFiles(oldCa);
  const told: string[] = [];
  const client = new Client({
    endpoints: [front.endpointBy('127.0.0.1')],
    tls: {
      ca: { file: files.ca.path },
      cert: { file: files.cert.path },
      key: { file: files.key.path },
      onReloaded: () => told.push('reloaded'),
      onReloadFailed: ({ code }) => told.push(code),
    },
  });
  open.push(client);
  return { front, watch, issued, client, told };
}

const event: mvccpb.Event = {
  type: 0,
  kv: {
    key: fromUtf8('a'),
    value: new Uint8Array(),
    createRevision: 1n,
    modRevision: 2n,
    version: 1n,
    lease: 0n,
  },
  prevKv: undefined,
};

test('renewed certificates are shown and demanded on new connections, while a watch on an old one lives', async () => {
  const { front, watch, issued, client, told } = await setUp();
  const events = client.watch({ key: 'a' })[Symbol.asyncIterator]();
  const next = events.next();
  const stream = await watch;
  expect(front.serials).toEqual([issued.serial]);

  await front.belongTo(newCa);
  const renewed = await writeFiles(newCa);
  await client.put('a', '1', { endpoint: front.endpointBy('localhost') });
  expect(front.serials).toEqual([issued.serial, renewed.issued.serial]);
  expect(told).toEqual(['reloaded']);

  stream.send({ ...rpcpb.WatchResponse.create(), header: headerAt(2n), events: [event] });
  const { value } = await next;
  expect(toUtf8(value?.kv.key ?? new Uint8Array())).toBe('a');
  expect(front.serials).toHaveLength(2);
  await events.return?.();
});

test('a certificate whose key is not there yet changes nothing until it is', async () => {
  const { front, issued, client, told } = await setUp();
  await client.put('a', '1');
  const renewed = await oldCa.issue({ commonName: 'client' });
  folder.write('client.crt', renewed.cert);
  await client.put('a', '2', { endpoint: front.endpointBy('localhost') });
  expect(front.serials).toEqual([issued.serial, issued.serial]);
  expect(told).toEqual(['CLIENT_TLS_PAIR']);

  folder.write('client.key', renewed.key);
  await client.put('a', '3', { endpoint: `${front.endpointBy('localhost')}/` });
  expect(front.serials.at(-1)).toBe(renewed.serial);
  expect(told).toEqual(['CLIENT_TLS_PAIR', 'reloaded']);
});

test('a file that is removed changes nothing, and the observer is told', async () => {
  const { front, issued, client, told } = await setUp();
  rmSync(`${folder.path}/ca.crt`);
  await client.put('a', '1');
  expect(front.serials).toEqual([issued.serial]);
  expect(told).toEqual(['CLIENT_TLS_CA']);
});

test('a file that cannot be read is refused at once, and the error says which option it is', () => {
  const file = `${folder.path}/none.crt`;
  const make = () => new Client({ endpoints: ['a:1'], tls: { ca: { file } } });
  expect(make).toThrow(TlsOptionsError);
  expect(make).toThrow(
    expect.objectContaining({
      code: 'CLIENT_TLS_CA',
      message: `its file cannot be read: ENOENT: no such file or directory, open '${file}'`,
    }),
  );
});
