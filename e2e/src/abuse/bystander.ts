import { HpackDecoder } from '@quorate/http2';
import { fromUtf8 } from '@quorate/std';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { op } from '../differential/operation.ts';
import { frame, frameTypes, preface } from '../hostile/raw-http2.ts';
import type { TlsTarget } from './attack.ts';
import { callHead, data, endStream, message, windowUpdate } from './frames.ts';

/** Time from one call to the next, whether that has been answered or not. */
const paceMs = 2;
/** Nobody waits longer for an answer. */
const patienceMs = 20_000;
/** Keys that are written and read. */
const keyCount = 100;

/** Whom a bystander talks to, and as whom. */
export interface BystanderOptions {
  readonly host: string;
  readonly port: number;
  readonly tls?: TlsTarget | undefined;
  readonly token?: string | undefined;
}

/** A call of which only the number of its stream changes. */
interface Template {
  readonly bytes: Buffer;
  /** Where the numbers of the stream stand. */
  readonly streamAt: readonly number[];
}

/**
 * A client that does nothing wrong: puts and gets in turns at a fixed pace, over a connection of its own. A call that
 * the member holds up does not hold up the next, so each of them is counted.
 *
 * Its frames are made by hand: a client that makes much garbage would wait for itself, and measure that.
 */
export class Bystander implements Disposable {
  readonly #socket: Socket;
  readonly #decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize: 16_384, maxFields: 64 });
  readonly #templates: readonly Template[];
  /** When calls were sent, by the number of their stream. */
  readonly #sentAt = new Map<number, number>();
  #latencies: number[] = [];
  #failure: Error | undefined;
  #onAnswered: (() => void) | undefined;
  #unread: Buffer = Buffer.alloc(0);
  #nextStream = 1;

  private constructor(socket: Socket, templates: readonly Template[]) {
    this.#socket = socket;
    this.#templates = templates;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the member has closed the connection of a bystander')));
    const window = windowUpdate(0, 0x3fff_0000);
    socket.write(Buffer.concat([preface, frame(frameTypes.settings), window]));
  }

  /** Connects. @throws Error when there is nobody */
  static async open({ host, port, tls, token }: BystanderOptions): Promise<Bystander> {
    const socket =
      tls === undefined
        ? connect({ host, port, noDelay: true })
        : connectTls({ host, ...tls, servername: 'localhost', ALPNProtocols: ['h2'] });
    await once(socket, tls === undefined ? 'connect' : 'secureConnect');
    const metadata = token === undefined ? {} : { token };
    const templates = Array.from({ length: 2 * keyCount }, (_, index) => {
      const key = fromUtf8(`bystander/${index >> 1}`);
      const { path, bytes } = index % 2 === 0 ? op.put({ key, value: key }) : op.range({ key });
      const head = callHead(0, path, metadata);
      return { bytes: Buffer.concat([head, data(0, message(bytes))]), streamAt: [5, head.length + 5] };
    });
    return new Bystander(socket, templates);
  }

  /** Latencies in milliseconds of the calls of that time, sorted. @throws Error when one of them fails */
  async measure(durationMs: number): Promise<number[]> {
    this.#latencies = [];
    const beganAt = performance.now();
    for (let i = 0; i * paceMs < durationMs; i++) {
      const waitMs = beganAt + i * paceMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      this.#call(i);
    }
    await this.#answered();
    if (this.#failure !== undefined) throw this.#failure;
    return this.#latencies.sort((a, b) => a - b);
  }

  #call(index: number): void {
    const template = this.#templates[index % this.#templates.length];
    if (template === undefined || this.#failure !== undefined) return;
    const stream = this.#nextStream;
    this.#nextStream += 2;
    const bytes = Buffer.from(template.bytes);
    for (const at of template.streamAt) bytes.writeUInt32BE(stream, at);
    this.#sentAt.set(stream, performance.now());
    this.#socket.write(bytes);
  }

  /** Resolves when nothing is under way any more. */
  async #answered(): Promise<void> {
    if (this.#sentAt.size === 0) return;
    const late = setTimeout(() => this.#fail(new Error('a bystander waits for 20 s')), patienceMs);
    await new Promise<void>((resolve) => {
      this.#onAnswered = resolve;
    });
    clearTimeout(late);
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#sentAt.clear();
    this.#onAnswered?.();
  }

  #read(chunk: Buffer): void {
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    let at = 0;
    while (bytes.length - at >= 9) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      this.#take(
        { type: bytes[at + 3] ?? 0, flags: bytes[at + 4] ?? 0, stream: bytes.readUInt32BE(at + 5) },
        bytes.subarray(at + 9, end),
      );
      at = end;
    }
    this.#unread = bytes.subarray(at);
  }

  #take(
    { type, flags, stream }: { readonly type: number; readonly flags: number; readonly stream: number },
    payload: Buffer,
  ): void {
    const isAck = (flags & 1) !== 0;
    switch (type) {
      case frameTypes.headers: {
        const list = this.#decoder.decode(payload);
        if ((flags & endStream) !== 0)
          this.#end(stream, list.value('grpc-status'), list.value('grpc-message'));
        return;
      }
      case frameTypes.rstStream:
        return this.#fail(new Error('a call of a bystander was reset'));
      case frameTypes.settings:
        if (!isAck) this.#socket.write(frame(frameTypes.settings, { flags: 1 }));
        return;
      case frameTypes.ping:
        if (!isAck) this.#socket.write(frame(frameTypes.ping, { flags: 1, payload }));
    }
  }

  #end(stream: number, status: string | undefined, text: string | undefined): void {
    const sentAt = this.#sentAt.get(stream);
    if (sentAt === undefined) return;
    this.#latencies.push(performance.now() - sentAt);
    this.#sentAt.delete(stream);
    if (status !== '0') this.#fail(new Error(`a bystander was answered with ${status}, "${text ?? ''}"`));
    if (this.#sentAt.size === 0) this.#onAnswered?.();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
