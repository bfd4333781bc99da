import { freePort } from '@quorate/std/testing';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** A running etcd, spoken to in plain gRPC. */
export interface RealEtcd extends AsyncDisposable {
  /** One unary call; a refused one comes back as `grpc-status` and message. */
  call(method: string, request: Uint8Array): Promise<Uint8Array | GrpcError>;
}

/** What etcd refused a call with. */
export interface GrpcError {
  readonly status: number;
  readonly message: string;
}

/** Starts the etcd of a binary folder on free ports, with data that vanishes. */
export async function startRealEtcd(binaries: string): Promise<RealEtcd> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-kv-'));
  const [clientUrl, peerUrl] = [
    `http://127.0.0.1:${await freePort()}`,
    `http://127.0.0.1:${await freePort()}`,
  ];
  const etcd = spawn(
    join(binaries, 'etcd'),
    [
      ...['--data-dir', folder, '--unsafe-no-fsync', '--log-level', 'info'],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = once(etcd, 'exit');
  const ready = new Promise<void>((resolve) => {
    createInterface(etcd.stderr).on('line', (line) => {
      if (line.includes('ready to serve client requests')) resolve();
    });
  });
  await Promise.race([
    ready,
    ended.then(() => {
      throw new Error('etcd ended before it was ready');
    }),
  ]);
  const session = connect(clientUrl);
  return {
    call: (method, request) => unaryCall(session, method, request),
    [Symbol.asyncDispose]: async () => {
      session.destroy();
      etcd.kill('SIGKILL');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function unaryCall(
  session: ClientHttp2Session,
  method: string,
  request: Uint8Array,
): Promise<Uint8Array | GrpcError> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/etcdserverpb.${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  let status: unknown;
  let message: unknown;
  for (const event of ['response', 'trailers']) {
    stream.on(event, (headers: Record<string, unknown>) => {
      status ??= headers['grpc-status'];
      message ??= headers['grpc-message'];
    });
  }
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(request.length, 1);
  stream.end(Buffer.concat([prefix, request]));
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  if (Number(status) === 0) return Buffer.concat(chunks).subarray(5);
  return { status: Number(status), message: decodeURIComponent(String(message)) };
}
