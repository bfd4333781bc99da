import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TlsTarget } from './attack.ts';
import { frame, frameTypes, preface } from '../hostile/raw-http2.ts';

/** What a member did about an attack, as the attacker saw it. */
export interface Answers {
  /** Connections that the attacker made. */
  connections: number;
  /** Of them, those that the member closed. */
  closed: number;
  /** GOAWAY frames by their error code, and RST_STREAM frames. */
  readonly goAways: Record<number, number>;
  resets: number;
  /** Answers with headers: a call was answered. */
  answers: number;
}

/** No answers yet. */
export function noAnswers(): Answers {
  return { connections: 0, closed: 0, goAways: {}, resets: 0, answers: 0 };
}

/** A connection of hand-made frames. It reads what comes, and looks at the heads of frames only. */
export class AttackConnection {
  readonly #socket: Socket;
  readonly #answers: Answers;
  readonly #closed: Promise<void>;
  #unread: Buffer = Buffer.alloc(0);
  #nextStream = 1;

  private constructor(socket: Socket, answers: Answers) {
    this.#socket = socket;
    this.#answers = answers;
    this.#closed = new Promise((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {}); // The member may close as it likes.
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  /** Connects, and says what every client of HTTP/2 says first, with these settings. */
  static async open(
    address: { readonly host: string; readonly port: number; readonly through?: TlsTarget },
    { answers, settings = Buffer.alloc(0) }: { readonly answers: Answers; readonly settings?: Buffer },
  ): Promise<AttackConnection> {
    const { host, port, through } = address;
    const plain = { host, port, ...ownAddress };
    const socket =
      through === undefined
        ? connect(plain)
        : connectTls({ ...plain, ...through, servername: 'localhost', ALPNProtocols: ['h2'] });
    const connection = new AttackConnection(socket, answers);
    const ready = through === undefined ? 'connect' : 'secureConnect';
    await new Promise<void>((resolve) => socket.once(ready, resolve).once('close', resolve));
    answers.connections++;
    await connection.send(preface, frame(frameTypes.settings, { payload: settings }));
    return connection;
  }

  get isClosed(): boolean {
    return this.#socket.destroyed || this.#socket.readableEnded;
  }

  /** The number of a new stream. */
  newStream(): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    return stream;
  }

  /** Writes; resolves when the member has taken most of it, or the connection is gone. */
  async send(...frames: readonly Uint8Array[]): Promise<void> {
    if (this.isClosed || this.#socket.write(Buffer.concat(frames))) return;
    await Promise.race([new Promise<void>((resolve) => this.#socket.once('drain', resolve)), this.#closed]);
  }

  /** Ends it, and notes whether the member did so before. */
  end(): void {
    if (this.isClosed) this.#answers.closed++;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    for (;;) {
      if (this.#unread.length < 9) return;
      const length = this.#unread.readUIntBE(0, 3);
      if (this.#unread.length < 9 + length) return;
      this.#note(this.#unread.readUInt8(3), this.#unread.subarray(9, 9 + length));
      this.#unread = this.#unread.subarray(9 + length);
    }
  }

  #note(type: number, payload: Buffer): void {
    if (type === frameTypes.headers) this.#answers.answers++;
    if (type === frameTypes.rstStream) this.#answers.resets++;
    if (type !== goAway || payload.length < 8) return;
    const code = payload.readUInt32BE(4);
    this.#answers.goAways[code] = (this.#answers.goAways[code] ?? 0) + 1;
  }
}

const goAway = 7;
/** An attacker has an address of his own, where the system lets him: what is held against it is not held against others. */
export const ownAddress = process.platform === 'linux' ? { localAddress: '127.0.0.2' } : {};
