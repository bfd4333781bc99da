import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';

/** CPU time that a round of each of two fixed loops costs on this machine at this time. */
export interface Calibration {
  /** What JavaScript costs: look-ups in a Map, copies and hashes of bytes, small objects. */
  readonly jsMicros: number;
  /** What the kernel costs: a write and a read each way over a loopback socket. */
  readonly socketMicros: number;
}

const entries = 4096;
const blockSize = 256;

/**
 * A fixed amount of JavaScript as a server runs it. What it computes does not matter, only that it is always
 * the same: whoever changes it must record the baseline anew.
 */
export class JsLoop {
  readonly #blocks = new Map<string, Buffer>();
  readonly #keys = Array.from({ length: entries }, (_, n) => `calibration/${n}`);
  #at = 0;

  constructor() {
    this.#keys.forEach((key, n) => this.#blocks.set(key, Buffer.alloc(blockSize, n)));
  }

  /** Returns a number that depends on every round. */
  run(rounds: number): number {
    let sum = 0;
    for (let round = 0; round < rounds; round++) {
      const key = this.#keys[(this.#at = (this.#at + 1571) % entries)]!;
      const block = this.#blocks.get(key)!;
      const copy = Buffer.allocUnsafe(blockSize);
      copy.set(block);
      const entry = { key, hash: hashOf(copy), round };
      copy[round % blockSize] = entry.hash & 0xff;
      this.#blocks.set(entry.key, copy);
      sum = (sum + entry.hash + entry.round) >>> 0;
    }
    return sum;
  }
}

/** FNV-1a. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash >>> 0;
}

const messageSize = 1024;

/** Two ends of one connection over loopback, in one process. */
export class SocketLoop implements AsyncDisposable {
  readonly #client: Socket;
  readonly #close: () => Promise<void>;
  readonly #message = Buffer.alloc(messageSize, 7);

  static async open(): Promise<SocketLoop> {
    const server = createServer({ noDelay: true }, (socket) => {
      socket.on('data', (chunk) => socket.write(chunk));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    // A server that listens on TCP has an address of this type.
    const { port } = server.address() as AddressInfo;
    const client = connect({ host: '127.0.0.1', port, noDelay: true });
    await once(client, 'connect');
    return new SocketLoop(client, async () => {
      client.destroy();
      server.close();
      await once(server, 'close');
    });
  }

  private constructor(client: Socket, close: () => Promise<void>) {
    this.#client = client;
    this.#close = close;
  }

  /** Sends a message there and back, one after the other. */
  run(rounds: number): Promise<void> {
    return new Promise((resolve, reject) => {
      let left = rounds;
      let missing = messageSize;
      const end = (error?: Error): void => {
        this.#client.off('data', onData).off('error', end);
        if (error === undefined) resolve();
        else reject(error);
      };
      const onData = (chunk: Buffer): void => {
        missing -= chunk.length;
        if (missing > 0) return;
        missing = messageSize;
        if (--left === 0) end();
        else this.#client.write(this.#message);
      };
      this.#client.on('data', onData).on('error', end);
      this.#client.write(this.#message);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
