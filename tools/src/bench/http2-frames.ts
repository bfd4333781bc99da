/**
 * HTTP/2 frames (RFC 9113 §4), as much of them as a load generator needs.
 *
 * ```
 * +-----------------+---------------+---------------+
 * | length (24)     | type (8)      | flags (8)     |
 * +-+---------------+---------------+---------------+
 * |R| stream ID (31)                                |
 * +-+-----------------------------------------------+
 * | payload (length)                                |
 * ```
 */
export const frameHeadSize = 9;

/** The largest payload that a peer takes which has not said otherwise. */
export const framePayloadMax = 16_384;

/** What a peer's window is before it says otherwise, for a connection and for each stream. */
export const initialWindow = 65_535;

export const frameType = {
  data: 0,
  headers: 1,
  resetStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

export const frameFlag = { endStream: 1, ack: 1, endHeaders: 4, padded: 8 } as const;

export const settingId = { enablePush: 2, initialWindowSize: 4 } as const;

export const connectionPreface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** Writes the head of a frame at `at`; returns where its payload begins. */
export function writeFrameHead(
  into: Buffer,
  at: number,
  frame: {
    readonly length: number;
    readonly type: number;
    readonly flags: number;
    readonly streamId: number;
  },
): number {
  into.writeUIntBE(frame.length, at, 3);
  into[at + 3] = frame.type;
  into[at + 4] = frame.flags;
  into.writeUInt32BE(frame.streamId, at + 5);
  return at + frameHeadSize;
}

/** A whole frame. */
export function frameOf(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(frameHeadSize + payload.length);
  frame.set(payload, writeFrameHead(frame, 0, { length: payload.length, type, flags, streamId }));
  return frame;
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  settings.forEach(([id, value], i) => {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  });
  return frameOf(frameType.settings, 0, 0, payload);
}

export function windowUpdateFrame(streamId: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return frameOf(frameType.windowUpdate, 0, streamId, payload);
}

/** Where the dynamic table begins: its newest entry has this index. */
const newestIndex = 62;

/**
 * The header blocks of the calls over one connection (HPACK, RFC 7541). A field is entered into the
 * connection's dynamic table with its first call, later calls refer to it by index, as those of real clients
 * do. Blocks must be sent in the order in which they were asked for.
 */
export class CallHeaders {
  readonly #authority: string;
  /** The dynamic table, its oldest field first. */
  readonly #entered: string[] = [];
  readonly #blocks = new Map<string, Buffer>();

  constructor(authority: string) {
    this.#authority = authority;
  }

  /** The header block of the next call to a path. */
  next(path: string): Buffer {
    const known = this.#blocks.get(path);
    if (known !== undefined) return known;
    const before = this.#entered.length;
    const block = Buffer.concat([
      Buffer.from([0x83, 0x86]), // POST, http: entries 3 and 6 of the static table.
      this.#field(4, ':path', path),
      this.#field(1, ':authority', this.#authority),
      this.#field(31, 'content-type', 'application/grpc'),
      this.#field(0, 'te', 'trailers'),
    ]);
    // What was entered moves the index of all that was there.
    if (this.#entered.length > before) this.#blocks.clear();
    else this.#blocks.set(path, block);
    return block;
  }

  /** A field by its index, or to be entered; its name is an entry of the static table unless that is 0. */
  #field(nameIndex: number, name: string, value: string): Buffer {
    const field = `${name}: ${value}`;
    const at = this.#entered.indexOf(field);
    if (at >= 0) return Buffer.from([0x80 | (newestIndex + this.#entered.length - 1 - at)]);
    this.#entered.push(field);
    const head = Buffer.from([0x40 | nameIndex]);
    return Buffer.concat(nameIndex === 0 ? [head, literal(name), literal(value)] : [head, literal(value)]);
  }
}

/** A string without Huffman coding; lengths from 127 on would need more bytes. */
function literal(text: string): Buffer {
  if (text.length > 126) throw new RangeError('header text is too long');
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
}
