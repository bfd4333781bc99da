import { HpackDecoder, HpackEncoder } from '@quorate/http2';
import { flag, frame, frameType, preface, readFrames, type Frame } from '@quorate/http2/testing';
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

/** What a client says of itself: pairs of settings and their values. */
type Entries = Parameters<typeof preface>[0];

/**
 * A client of HTTP/2 whose frames are made by hand, and the socket that its server has of it. Nothing is taken of the
 * answers while `isBlocked`: then they wait in the socket, as with a client that does not read.
 */
export class FrameClient {
  /** The server's. */
  readonly socket: Socket;
  isBlocked = false;
  readonly #end: ServerEnd;
  readonly #encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize: 1e6, maxFields: 1e3 });
  readonly #frames: Frame[] = [];
  #rest = Buffer.alloc(0);

  constructor(entries?: Entries) {
    this.#end = new ServerEnd(this);
    // As much of one as a server looks at.
    this.socket = this.#end as unknown as Socket;
    this.send(preface(entries));
  }

  send(...parts: readonly Uint8Array[]): this {
    this.#end.push(Buffer.concat(parts));
    return this;
  }

  /** The client has sent all that it will send. */
  end(): this {
    this.#end.push(null);
    return this;
  }

  /** A header of a call of gRPC, or of what `fields` say beside. */
  request(
    streamId: number,
    {
      path = '/test.Test/Call',
      isEnd = false,
      fields = { 'content-type': 'application/grpc' },
    }: { path?: string; isEnd?: boolean; fields?: Readonly<Record<string, string>> } = {},
  ): this {
    const all = { ':method': 'POST', ':scheme': 'http', ':path': path, ':authority': 'here', ...fields };
    const block = this.#encoder.encode(
      Object.entries(all).map(([name, value]) => ({ name, value, isRepeated: false })),
    );
    const flags = flag.END_HEADERS | (isEnd ? flag.END_STREAM : 0);
    return this.send(frame({ type: frameType.HEADERS, flags, streamId, payload: block }));
  }

  data(streamId: number, payload: Uint8Array, { isEnd = false } = {}): this {
    const flags = isEnd ? flag.END_STREAM : 0;
    return this.send(frame({ type: frameType.DATA, flags, streamId, payload }));
  }

  reset(streamId: number): this {
    return this.send(frame({ type: frameType.RST_STREAM, streamId, payload: Buffer.of(0, 0, 0, 8) }));
  }

  /** Takes what had to wait. */
  unblock(): void {
    this.isBlocked = false;
    this.#end.goOn();
  }

  /** What the server has said since the last time; whoever asks has let it have its turns. */
  heard(): Frame[] {
    return this.#frames.splice(0);
  }

  /** Fields of a header that was heard. */
  fieldsOf({ payload }: Frame): Record<string, string> {
    return Object.fromEntries(this.#decoder.decode(payload).fields.map(({ name, value }) => [name, value]));
  }

  /** The server has sent that. */
  take(bytes: Buffer): void {
    const all = Buffer.concat([this.#rest, bytes]);
    let whole = 0;
    while (all.length - whole >= 9 && whole + 9 + all.readUIntBE(whole, 3) <= all.length) {
      whole += 9 + all.readUIntBE(whole, 3);
    }
    this.#frames.push(...readFrames(all.subarray(0, whole)));
    this.#rest = Buffer.from(all.subarray(whole));
  }
}

class ServerEnd extends Duplex {
  readonly remoteAddress = '192.0.2.1';
  bytesWritten = 0;
  readonly #client: FrameClient;
  #waiting: (() => void) | undefined;

  constructor(client: FrameClient) {
    super({ allowHalfOpen: true });
    this.#client = client;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    const go = (): void => {
      this.bytesWritten += chunk.length;
      this.#client.take(chunk);
      done();
    };
    if (this.#client.isBlocked) this.#waiting = go;
    else go();
  }

  goOn(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  /** As that of a socket. */
  destroySoon(): void {
    this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }
}

/** A message as gRPC sends it. */
export function message(bytes: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
}

/** Lets everything that waits for a turn have it. */
export async function turns(count = 3): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
