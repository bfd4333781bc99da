import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { RestSurface, type RestBackend, type RestCall, type RestOptions } from '../src/index.ts';

/** What was asked of a backend. */
export interface Asked {
  readonly path: string;
  readonly call: RestCall;
}

/** A backend whose methods are given by their paths; it remembers what it was asked. */
export class FakeBackend implements RestBackend {
  readonly asked: Asked[] = [];
  readonly unaries = new Map<
    string,
    (request: Uint8Array, call: RestCall) => Promise<Uint8Array> | Uint8Array
  >();
  readonly streams = new Map<
    string,
    (requests: AsyncIterable<Uint8Array>, call: RestCall) => AsyncIterable<Uint8Array>
  >();

  async unary(path: string, request: Uint8Array, call: RestCall): Promise<Uint8Array> {
    this.asked.push({ path, call });
    const method = this.unaries.get(path);
    if (method === undefined) throw Object.assign(new Error(`unknown method ${path}`), { status: 12 });
    return method(request, call);
  }

  stream(path: string, requests: AsyncIterable<Uint8Array>, call: RestCall): AsyncIterable<Uint8Array> {
    this.asked.push({ path, call });
    const method = this.streams.get(path);
    if (method === undefined) throw Object.assign(new Error(`unknown method ${path}`), { status: 12 });
    return method(requests, call);
  }
}

/** A surface on a port of its own. */
export class ServedSurface implements AsyncDisposable {
  readonly backend = new FakeBackend();
  readonly surface: RestSurface;
  readonly #server: Server;

  constructor(options: Omit<RestOptions, 'backend'> = {}) {
    this.surface = new RestSurface({ backend: this.backend, ...options });
    this.#server = createServer((request, response) => {
      if (!this.surface.handle(request, response)) response.writeHead(404).end('somebody else');
    });
    this.#server.on('upgrade', (request, socket, head) => {
      if (!this.surface.upgrade(request, socket, head)) socket.destroy();
    });
  }

  static async start(options: Omit<RestOptions, 'backend'> = {}): Promise<ServedSurface> {
    const served = new ServedSurface(options);
    await new Promise<void>((resolve) => served.#server.listen(0, '127.0.0.1', resolve));
    return served;
  }

  /** `127.0.0.1:port`. */
  get address(): string {
    // It listens on a port, so its address has one.
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://${this.address}${path}`, { method: 'POST', ...init });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
