import {
  Client,
  credentials,
  Metadata,
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
} from '@grpc/grpc-js';
import { ClientPort, HttpSurface, methodTable, type Member } from '../src/index.ts';
import { ServerUnderTest } from './server-under-test.ts';

/** A member behind gRPC, and a client of it. */
export interface Served extends AsyncDisposable {
  unary(path: string, request?: Uint8Array, options?: CallSetup): Promise<Buffer>;
  serverStream(path: string, request?: Uint8Array, options?: CallSetup): ClientReadableStream<Buffer>;
  duplex(path: string, options?: CallSetup): ClientDuplexStream<Buffer, Buffer>;
}

interface CallSetup extends CallOptions {
  readonly metadata?: Metadata;
}

/** The metadata of a client that demands a leader. */
export function demandingLeader(): Metadata {
  const metadata = new Metadata();
  metadata.set('hasleader', 'true');
  return metadata;
}

/** Serves a member on a port of its own. */
export async function serve(member: Member): Promise<Served> {
  const port = new ClientPort({
    grpc: new ServerUnderTest({ methods: methodTable(member), maxReceiveBytes: 64 * 1024 }),
    http: new HttpSurface({
      member,
      versions: () => ({ server: '', cluster: '', storage: '' }),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    }),
  });
  const portNumber = await port.listen({ host: '127.0.0.1', port: 0 });
  const client = new Client(`127.0.0.1:${portNumber}`, credentials.createInsecure(), {
    // A stream's window, so that a slow reader is one soon.
    'grpc-node.flow_control_window': 64 * 1024,
  });
  const nothing = new Uint8Array(0);
  return {
    unary: (path, request = nothing, { metadata = new Metadata(), ...options } = {}) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(path, same, same, Buffer.from(request), metadata, options, (error, bytes) => {
          if (error !== null || bytes === undefined) reject(error ?? new Error('no response'));
          else resolve(bytes);
        });
      }),
    serverStream: (path, request = nothing, { metadata = new Metadata(), ...options } = {}) =>
      client.makeServerStreamRequest(path, same, same, Buffer.from(request), metadata, options),
    duplex: (path, { metadata = new Metadata(), ...options } = {}) =>
      client.makeBidiStreamRequest(path, same, same, metadata, options),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await port.close({ graceMs: 0 });
    },
  };
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
