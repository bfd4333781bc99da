import {
  Client,
  credentials,
  Metadata,
  type CallOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
} from '@grpc/grpc-js';
import { afterAll } from 'vitest';
import {
  ClientPort,
  HttpSurface,
  methodTable,
  type Member,
  type Method,
  type MethodTable,
  type StreamCall,
  type StreamHandler,
  type UnaryHandler,
} from '../src/index.ts';
import { serveThreads, type ThreadsServed } from './io-threads/serve-threads.ts';
import { hasIoThreads, ServerUnderTest } from './server-under-test.ts';

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

/** Serves a member on a port of its own: with a transport of this thread, or through I/O threads. */
export async function serve(member: Member): Promise<Served> {
  const { port: portNumber, close } = hasIoThreads
    ? await throughThreads(member)
    : await onThisThread(member);
  const client = new Client(`127.0.0.1:${portNumber}`, credentials.createInsecure(), {
    // A stream's window, so that a slow reader is one soon.
    'grpc-node.flow_control_window': 64 * 1024,
    // Otherwise clients of one port share their connections.
    'grpc.use_local_subchannel_pool': 1,
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
      await close();
    },
  };
}

async function onThisThread(member: Member): Promise<{ port: number; close: () => Promise<void> }> {
  const port = new ClientPort({
    grpc: new ServerUnderTest({ methods: methodTable(member), maxReceiveBytes: 64 * 1024 }),
    http: new HttpSurface({
      member,
      versions: () => ({ server: '', cluster: '', storage: '' }),
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    }),
  });
  const number = await port.listen({ host: '127.0.0.1', port: 0 });
  return { port: number, close: () => port.close({ graceMs: 0 }) };
}

/** Threads take a while to start: those of a file of tests serve one member behind the other. */
async function throughThreads(member: Member): Promise<{ port: number; close: () => Promise<void> }> {
  const table = methodTable(member);
  current = table;
  sharedThreads ??= serveThreads(member, { table: delegating(table) });
  const { port } = await sharedThreads;
  return { port, close: async () => {} };
}

let sharedThreads: Promise<ThreadsServed> | undefined;
let current: MethodTable = new Map();

afterAll(async () => (await sharedThreads)?.[Symbol.asyncDispose]());

/** Methods that are those of the member that is served at the time of a call. */
function delegating(table: MethodTable): MethodTable {
  return new Map(
    [...table].map(([path, method]): [string, Method] => {
      if (method.kind === 'unary')
        return [path, { kind: 'unary', handler: (request, call) => unaryAt(path)(request, call) }];
      return [path, { ...method, handler: (call: StreamCall) => streamAt(path)(call) }];
    }),
  );
}

function unaryAt(path: string): UnaryHandler {
  const method = current.get(path);
  if (method?.kind !== 'unary') throw new Error(`no unary method ${path}`);
  return method.handler;
}

function streamAt(path: string): StreamHandler {
  const method = current.get(path);
  if (method?.kind !== 'stream') throw new Error(`no stream ${path}`);
  return method.handler;
}

function same(bytes: Buffer): Buffer {
  return bytes;
}
