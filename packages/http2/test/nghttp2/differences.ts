import { HpackDecoder, Http2Connection, type HeaderList } from '../../src/index.ts';
import { flag, frameType, readFrames, type Frame } from '../../src/testing/index.ts';
import type { Pieces } from './outcomes.ts';

/**
 * All that nghttp2, as Node 24 has it, and we do not do alike, and why we do it as we do. `frames.property.test.ts` shows each of
 * them; whatever else comes has to have the same end on both sides.
 */
export const differences = {
  priorityOfNoStream: 'PRIORITY for stream 0 is a violation (RFC 9113 §6.3); nghttp2 does not look',
  prioritySize: 'PRIORITY of a wrong size is an error of its stream (§6.3); nghttp2 ends the connection',
  pingAnswer:
    'an answer to a ping that was not sent is let pass, within its budget; Node ends the connection',
  goAway: 'a client that goes away for an error may still get its answers; Node ends the connection',
  extension: 'settings 8 and 9 are of RFC 8441 and 9218, which we do not know; nghttp2 looks at their values',
  repeatedSetting:
    'each value of a setting that comes twice has to be right (§6.5.3); nghttp2 looks at the last one',
  streamWindow:
    'a window of a stream that grows by nothing, or too wide, is an error of the stream (§6.9); nghttp2 ends the connection',
  overStream:
    'HEADERS on a stream that is over, or was left out, end the connection, and DATA reset it (§5.1, §5.1.1); nghttp2 looks at neither',
  halfClosed:
    'HEADERS and DATA behind the end of a request are an error of the stream (§5.1); nghttp2 ends the connection',
  malformedField:
    'a name that is no token is refused, or taken if RFC 9113 lets it be (§8.2.1), as are control characters in values, and a value with space at an end is refused; nghttp2 leaves such fields out',
  uriCharacters:
    'which characters a path, scheme or authority has is for the host to judge; nghttp2 refuses what no URI has',
  contentLength:
    'content-length may come twice if it says the same (RFC 9110 §8.6), and is not looked at in a trailer, and a request with more than it said is an error of its stream; nghttp2 refuses, refuses, and ends the connection',
  authority:
    'that a request names its authority, and what a field host says, is for the host to judge (§8.3.1); nghttp2 demands one, and looks at the other',
  wideNumber:
    'a number in a header block has at most four bytes behind its first (RFC 7541 §5.1 leaves it open); nghttp2 takes five',
} as const;

export type Difference = keyof typeof differences;

/** Leaves pieces out of which it is known that nghttp2 takes them differently, and says why. */
export function withoutDifferences(pieces: Pieces): {
  readonly pieces: Pieces;
  readonly found: ReadonlySet<Difference>;
} {
  const watched = new Watched();
  const found = new Set<Difference>();
  const kept = pieces.filter((piece, index) => {
    // The first one begins with what is no frame.
    const difference = index === 0 ? undefined : watched.differenceIn(piece);
    if (difference !== undefined) found.add(difference);
    else watched.take(piece);
    return difference === undefined;
  });
  return { pieces: kept, found };
}

/** A connection of ours, whose streams tell what a frame meets. */
class Watched {
  readonly #connection = new Http2Connection<undefined>({
    onRequest: () => {},
    onData: (stream, data) => stream.acknowledge(data.length),
    onClosed: () => {},
    onRoom: () => {},
  });
  /** Header blocks of pieces that were kept: who decodes them all has the table of the connection. */
  readonly #blocks: Uint8Array[] = [];
  #highest = 0;
  #isOver = false;

  take(piece: Uint8Array): void {
    if (this.#isOver) return;
    try {
      this.#connection.receive(piece, 0, 0);
    } catch {
      this.#isOver = true;
    }
  }

  differenceIn(piece: Uint8Array): Difference | undefined {
    if (this.#isOver) return undefined;
    // The first bit of a stream's number is nothing (§4.1).
    const frames = readFrames(piece).map((one) => ({ ...one, streamId: one.streamId & 0x7fff_ffff }));
    const [first] = frames;
    if (first === undefined) return undefined;
    return frameDifference(first) ?? this.#streamDifference(first) ?? this.#headerDifference(frames);
  }

  #streamDifference({ type, streamId, payload }: Frame): Difference | undefined {
    const stream = this.#connection.streams.get(streamId);
    if (type === frameType.WINDOW_UPDATE && stream !== undefined && payload.length === 4) {
      const increment = Buffer.from(payload).readUInt32BE() & 0x7fff_ffff;
      const isWrong = increment === 0 || stream.sendWindow + increment > 0x7fff_ffff;
      return isWrong ? 'streamWindow' : undefined;
    }
    const isHeaders = type === frameType.HEADERS;
    if ((!isHeaders && type !== frameType.DATA) || streamId % 2 === 0) return undefined;
    if (stream?.isRemoteDone === true) return 'halfClosed';
    if (stream === undefined && streamId <= this.#highest) return 'overStream';
    if (!isHeaders && stream !== undefined && stream.contentLength >= 0) {
      return stream.contentBytes + payload.length > stream.contentLength ? 'contentLength' : undefined;
    }
    if (isHeaders) this.#highest = Math.max(this.#highest, streamId);
    return undefined;
  }

  #headerDifference(frames: readonly Frame[]): Difference | undefined {
    if (frames[0]?.type !== frameType.HEADERS) return undefined;
    const parts = frames.map(blockOf);
    if (parts.includes(undefined)) return undefined;
    const block = Buffer.concat(parts.filter((part) => part !== undefined));
    const hpack = new HpackDecoder({ maxTableSize: 4096, maxListSize: 65_536, maxFields: 128 });
    for (const one of this.#blocks) hpack.decode(one);
    try {
      const difference = fieldDifference(hpack.decode(block));
      if (difference === undefined) this.#blocks.push(block);
      return difference;
    } catch (error) {
      return String(error).includes('a number of a header block is too large') ? 'wideNumber' : undefined;
    }
  }
}

function frameDifference({ type, flags, streamId, payload }: Frame): Difference | undefined {
  const view = Buffer.from(payload);
  if (type === frameType.PRIORITY) {
    if (streamId === 0) return 'priorityOfNoStream';
    return payload.length === 5 ? undefined : 'prioritySize';
  }
  if (type === frameType.PING && (flags & flag.ACK) !== 0) return 'pingAnswer';
  if (type === frameType.GOAWAY) return 'goAway';
  if (type !== frameType.SETTINGS) return undefined;
  const ids = new Set<number>();
  for (let at = 0; at + 6 <= view.length; at += 6) ids.add(view.readUInt16BE(at));
  if (ids.has(8) || ids.has(9)) return 'extension';
  return ids.size < Math.floor(view.length / 6) ? 'repeatedSetting' : undefined;
}

/** The part of a header block in a frame; undefined when its padding or priority is wrong. */
function blockOf({ type, flags, payload }: Frame): Uint8Array | undefined {
  if (type !== frameType.HEADERS) return payload;
  const isPadded = (flags & flag.PADDED) !== 0;
  const from = (isPadded ? 1 : 0) + ((flags & flag.PRIORITY) === 0 ? 0 : 5);
  const end = payload.length - (isPadded ? (payload[0] ?? 0) : 0);
  return from > end ? undefined : payload.subarray(from, end);
}

function fieldDifference({ fields }: HeaderList): Difference | undefined {
  for (const { name, value } of fields) {
    if (name === ':authority' ? !/^[\w.:-]*$/.test(value) : isUriPart(name) && !/^[\w./-]*$/.test(value)) {
      return 'uriCharacters';
    }
    if (name.startsWith(':')) continue;
    if (!/^[!#$%&'*+\-.^_`|~0-9a-zA-Z]+$/.test(name)) return 'malformedField';
    if (/[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/.test(value)) return 'malformedField';
  }
  const isTrailer = !fields.some(({ name }) => name.startsWith(':'));
  const lengths = fields.filter(({ name }) => name === 'content-length').length;
  if (lengths > (isTrailer ? 0 : 1)) return 'contentLength';
  if (fields.some(({ name }) => name === 'host')) return 'authority';
  const hasAuthority = fields.some(({ name, value }) => name === ':authority' && value !== '');
  return isTrailer || hasAuthority ? undefined : 'authority';
}

function isUriPart(name: string): boolean {
  return name === ':path' || name === ':scheme';
}
