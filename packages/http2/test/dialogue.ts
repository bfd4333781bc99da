import {
  ConnectionError,
  errorCode,
  HpackDecoder,
  HpackEncoder,
  Http2Connection,
  type HeaderList,
  type Http2Limits,
  type Http2Stream,
} from '../src/index.ts';
import { frame, frameType, flag, preface, readFrames, type Frame } from '../src/testing/index.ts';

/** What a frame may hold. */
const frameBytesMax = 16_384;

/** Fields of a request that is right. */
export const goodRequest = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'here'],
] as const;

const names = new Map(Object.entries(errorCode).map(([name, code]) => [code as number, name]));

/** A connection and a client by hand, with all that happened in words. */
export class Dialogue {
  readonly connection: Http2Connection<string>;
  /** What whoever serves the requests was told. */
  readonly told: string[] = [];
  readonly streams = new Map<number, Http2Stream<string>>();
  readonly encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder({ maxTableSize: 4096, maxListSize: 1e6, maxFields: 1e3 });
  error: ConnectionError | undefined;
  nowMs = 0;

  constructor(limits: Partial<Http2Limits> = {}) {
    this.connection = new Http2Connection<string>(
      {
        onRequest: (stream, header, isEnd) => {
          this.streams.set(stream.id, stream);
          this.told.push(`request ${stream.id} ${summaryOf(header)}${isEnd ? ' end' : ''}`);
        },
        onData: (stream, bytes, isEnd) => {
          this.told.push(`data ${stream.id} ${bytes.length}${isEnd ? ' end' : ''}`);
          stream.acknowledge(bytes.length);
        },
        onClosed: (stream, code) =>
          this.told.push(`closed ${stream.id}${code === undefined ? '' : ` ${codeName(code)}`}`),
        onRoom: (stream) => this.told.push(`room ${stream.id}`),
        onPong: () => this.told.push('pong'),
        onPing: () => this.told.push('ping'),
        onGoAway: () => this.told.push('goaway'),
      },
      limits,
    );
  }

  /** Begins as it should, and forgets what was said by it. */
  static begun(limits: Partial<Http2Limits> = {}): Dialogue {
    const dialogue = new Dialogue(limits);
    dialogue.send(preface());
    dialogue.heard();
    return dialogue;
  }

  /** Sends bytes in pieces of a size. */
  send(bytes: Uint8Array, pieceBytes = bytes.length): this {
    try {
      for (let at = 0; at < bytes.length && this.error === undefined; at += pieceBytes) {
        this.connection.receive(bytes.subarray(at, at + pieceBytes), 0, this.nowMs);
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.error = error;
    }
    return this;
  }

  /** A header block of these fields. */
  block(fields: readonly (readonly [string, string])[]): Buffer {
    return Buffer.from(
      this.encoder.encode(fields.map(([name, value]) => ({ name, value, isRepeated: false }))),
    );
  }

  request(
    streamId: number,
    {
      fields = goodRequest,
      isEnd = true,
    }: { fields?: readonly (readonly [string, string])[]; isEnd?: boolean } = {},
  ): this {
    const block = this.block(fields);
    const first = block.subarray(0, frameBytesMax);
    const isWhole = first.length === block.length;
    const flags = (isWhole ? flag.END_HEADERS : 0) | (isEnd ? flag.END_STREAM : 0);
    this.send(frame({ type: frameType.HEADERS, flags, streamId, payload: first }));
    for (let at = frameBytesMax; at < block.length; at += frameBytesMax) {
      const payload = block.subarray(at, at + frameBytesMax);
      const last = at + frameBytesMax >= block.length ? flag.END_HEADERS : 0;
      this.send(frame({ type: frameType.CONTINUATION, flags: last, streamId, payload }));
    }
    return this;
  }

  data(streamId: number, bytes: number, { isEnd = false }: { isEnd?: boolean } = {}): this {
    const flags = isEnd ? flag.END_STREAM : 0;
    return this.send(frame({ type: frameType.DATA, flags, streamId, payload: new Uint8Array(bytes) }));
  }

  stream(id: number): Http2Stream<string> {
    const stream = this.streams.get(id);
    if (stream === undefined) throw new Error(`no request has come on stream ${id}`);
    return stream;
  }

  /** What the server has said since the last time, frame by frame. */
  frames(): Frame[] {
    return readFrames(Buffer.concat(this.connection.takeOutput()));
  }

  /** The same in words, without acknowledgements of settings. */
  heard(): string[] {
    return this.frames()
      .filter(({ type, flags }) => type !== frameType.SETTINGS || flags !== flag.ACK)
      .map((one) => this.#wordsOf(one));
  }

  #wordsOf({ type, flags, streamId, payload }: Frame): string {
    const view = Buffer.from(payload);
    const end = (flags & flag.END_STREAM) !== 0 ? ' end' : '';
    switch (type) {
      case frameType.RST_STREAM:
        return `reset ${streamId} ${codeName(view.readUInt32BE())}`;
      case frameType.GOAWAY:
        return `goaway ${view.readUInt32BE()} ${codeName(view.readUInt32BE(4))}`;
      case frameType.WINDOW_UPDATE:
        return `window ${streamId} +${view.readUInt32BE()}`;
      case frameType.DATA:
        return `data ${streamId} ${payload.length}${end}`;
      case frameType.HEADERS:
        return `header ${streamId} ${summaryOf(this.#decoder.decode(view))}${end}`;
      case frameType.PING:
        return `ping${(flags & flag.ACK) !== 0 ? ' answer' : ''} ${view.toString('latin1')}`;
      case frameType.SETTINGS:
        return 'settings';
      default:
        return `type ${type}`;
    }
  }
}

export function codeName(code: number): string {
  return names.get(code) ?? String(code);
}

function summaryOf(header: HeaderList): string {
  if (header.isTooLarge) return 'too large';
  return header.fields.map(({ name, value }) => (name === ':path' ? value : `${name}=${value}`)).join(' ');
}
