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

/**
 * The header blocks of calls to one path (HPACK, RFC 7541). The first call enters its fields into the
 * connection's dynamic table, later ones refer to them by index, as real clients do.
 */
export function callHeaders(
  path: string,
  authority: string,
): { readonly first: Buffer; readonly later: Buffer } {
  const postOverHttp = [0x83, 0x86]; // Entries 3 and 6 of the static table.
  const first = Buffer.concat([
    Buffer.from(postOverHttp),
    indexed(4, path), // :path
    indexed(1, authority), // :authority
    indexed(31, 'application/grpc'), // content-type
    Buffer.from([0x40]),
    literal('te'),
    literal('trailers'),
  ]);
  // The newest entry of the dynamic table is 62: te; then content-type, :authority and :path.
  return { first, later: Buffer.from([...postOverHttp, 0x80 | 65, 0x80 | 64, 0x80 | 63, 0x80 | 62]) };
}

/** A field with a name of the static table, to be entered into the dynamic one. */
function indexed(nameIndex: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([0x40 | nameIndex]), literal(value)]);
}

/** A string without Huffman coding; lengths from 127 on would need more bytes. */
function literal(text: string): Buffer {
  if (text.length > 126) throw new RangeError('header text is too long');
  return Buffer.concat([Buffer.from([text.length]), Buffer.from(text, 'latin1')]);
}
