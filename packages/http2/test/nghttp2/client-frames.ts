import fc from 'fast-check';
import { HpackEncoder } from '../../src/index.ts';
import { flag, frame, frameType, preface, setting, settings, windowUpdate } from '../../src/testing/index.ts';
import type { Pieces } from './outcomes.ts';

/** A client that makes its frames one by one. */
class FrameMaker {
  readonly encoder = new HpackEncoder();
  readonly #begun: number[] = [];

  /** A stream that this client would begin, or the `nth` of those that it has begun, or a number as it is. */
  stream(which: StreamChoice): number {
    if (typeof which === 'number') return which;
    if (which === 'next') {
      this.#begun.push(this.#begun.length * 2 + 1);
      return this.#begun.at(-1) ?? 1;
    }
    return this.#begun[which.nth % this.#begun.length] ?? 1;
  }
}

type StreamChoice = 'next' | { readonly nth: number } | number;

/** Frames that belong together. */
type Step = (maker: FrameMaker) => Buffer[];

const goodFields = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a'],
  [':authority', 'here'],
] as const;
const { DATA, HEADERS, PRIORITY, RST_STREAM, PUSH_PROMISE, PING, CONTINUATION } = frameType;

const anyNumber = fc.integer({ min: 0, max: 12 });
/** Mostly of a client that counts as it should. */
const newStream: fc.Arbitrary<StreamChoice> = fc.oneof(
  { weight: 20, arbitrary: fc.constant('next' as const) },
  { weight: 1, arbitrary: anyNumber },
);
const oldStream: fc.Arbitrary<StreamChoice> = fc.oneof(
  { weight: 20, arbitrary: fc.record({ nth: fc.nat({ max: 5 }) }) },
  { weight: 1, arbitrary: anyNumber },
);
const uint32 = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 16_384, max: 100_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff) },
);
const uint32Of = (value: number): Buffer => {
  const four = Buffer.alloc(4);
  four.writeUInt32BE(value);
  return four;
};

const field = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({
      name: fc.constantFrom('a', 'user-agent', 'x-y'),
      value: fc.constantFrom('', '0', 'a b'),
      isRepeated: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      name: fc.constantFrom('content-length', 'te', 'A', 'connection'),
      value: fc.constantFrom('0', '3', 'trailers'),
      isRepeated: fc.boolean(),
    }),
  },
);

const request = fc
  .record({
    newStream,
    oldStream,
    isEnd: fc.boolean(),
    more: fc.array(field, { maxLength: 3 }),
    padding: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined, freq: 4 }),
    priority: fc.option(fc.uint8Array({ minLength: 5, maxLength: 5 }), { nil: undefined, freq: 4 }),
    cuts: fc.integer({ min: 1, max: 3 }),
    isTrailer: fc.integer({ min: 0, max: 3 }).map((chance) => chance === 0),
  })
  .map((made): Step => (maker) => {
    const streamId = maker.stream(made.isTrailer ? made.oldStream : made.newStream);
    const fields = made.isTrailer
      ? []
      : goodFields.map(([name, value]) => ({ name, value, isRepeated: true }));
    const block = Buffer.from(maker.encoder.encode([...fields, ...made.more]));
    const size = Math.ceil(block.length / made.cuts) || 1;
    const parts = [block.subarray(0, size)];
    for (let at = size; at < block.length; at += size) parts.push(block.subarray(at, at + size));
    return parts.map((part, index) => {
      const isLast = index === parts.length - 1;
      const endHeaders = isLast ? flag.END_HEADERS : 0;
      if (index > 0) {
        return frame({ type: CONTINUATION, flags: endHeaders, streamId, payload: part });
      }
      const flags =
        endHeaders |
        (made.isEnd ? flag.END_STREAM : 0) |
        (made.padding === undefined ? 0 : flag.PADDED) |
        (made.priority === undefined ? 0 : flag.PRIORITY);
      const payload = Buffer.concat([
        Buffer.from(made.padding === undefined ? [] : [made.padding]),
        made.priority ?? Buffer.alloc(0),
        part,
        Buffer.alloc(made.padding ?? 0),
      ]);
      return frame({ type: HEADERS, flags, streamId, payload });
    });
  });

const data = fc
  .record({
    stream: oldStream,
    bytes: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 40 }) },
      { weight: 1, arbitrary: fc.constantFrom(0, 3, 16_384, 16_385) },
    ),
    padding: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined, freq: 4 }),
    isEnd: fc.boolean(),
  })
  .map(({ stream, bytes, padding, isEnd }): Step => (maker) => {
    const payload = Buffer.alloc(bytes);
    if (padding !== undefined && bytes > 0) payload[0] = padding;
    const flags = (isEnd ? flag.END_STREAM : 0) | (padding === undefined ? 0 : flag.PADDED);
    return [frame({ type: DATA, flags, streamId: maker.stream(stream), payload })];
  });

const ofStream = fc.oneof(
  fc
    .tuple(oldStream, uint32)
    .map(([stream, by]): Step => (maker) => [windowUpdate(maker.stream(stream), by)]),
  fc
    .tuple(oldStream, fc.integer({ min: 0, max: 14 }))
    .map(([stream, code]): Step => (maker) => [
      frame({ type: RST_STREAM, streamId: maker.stream(stream), payload: uint32Of(code) }),
    ]),
  fc.tuple(oldStream, anyNumber, fc.integer({ min: 0, max: 255 })).map(([stream, on, weight]): Step => {
    const payload = Buffer.concat([uint32Of(on), Buffer.of(weight)]);
    return (maker) => [frame({ type: PRIORITY, streamId: maker.stream(stream), payload })];
  }),
);

const settingValue = fc.oneof(
  { weight: 6, arbitrary: uint32 },
  { weight: 1, arbitrary: fc.constantFrom(16_383, 16_777_215, 16_777_216) },
);
const settingEntry = fc.oneof(
  fc.tuple(fc.constantFrom(...Object.values(setting)), settingValue),
  fc.tuple(fc.constant(setting.ENABLE_PUSH), fc.integer({ min: 0, max: 1 })),
  fc.tuple(fc.integer({ min: 10, max: 20 }), settingValue),
);
const ofConnection = fc.oneof(
  uint32.map((by) => windowUpdate(0, by)),
  fc.array(settingEntry, { maxLength: 3 }).map((entries) => settings(entries)),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((payload) => frame({ type: PING, payload })),
);

/** Anything in the form of a frame. */
const anyFrame = fc
  .record({
    type: fc.oneof(fc.constantFrom(...Object.values(frameType)), fc.integer({ min: 10, max: 40 })),
    flags: fc.oneof(fc.constantFrom(0, 1, 4, 5, 8, 0x20, 0x2d), fc.integer({ min: 0, max: 255 })),
    streamId: anyNumber,
    payload: fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.constantFrom(new Uint8Array(4), new Uint8Array(5), new Uint8Array(8)),
    ),
  })
  .map((made) => frame(made));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: request },
  { weight: 3, arbitrary: data },
  { weight: 3, arbitrary: ofStream },
  { weight: 2, arbitrary: ofConnection.map((bytes): Step => () => [bytes]) },
  { weight: 1, arbitrary: anyFrame.map((bytes): Step => () => [bytes]) },
);

/** A byte of a frame that is another one: of its type, flags, stream or payload, so that it stays whole. */
const mutation = fc.option(fc.record({ at: fc.nat({ max: 60 }), value: fc.integer({ min: 0, max: 255 }) }), {
  nil: undefined,
  freq: 11,
});

/** What a client sends: right for the most part. */
export const clientPieces: fc.Arbitrary<Pieces> = fc
  .tuple(request, fc.array(fc.tuple(step, mutation), { maxLength: 12 }))
  .map(([first, others]) => {
    const maker = new FrameMaker();
    const pieces: Uint8Array[] = [preface()];
    let open: Buffer[] = [];
    for (const [make, changed] of [[first, undefined] as const, ...others]) {
      const frames = make(maker);
      if (changed !== undefined) mutate(frames, changed);
      for (const one of frames) {
        open.push(one);
        if (leavesHeaderOpen(one)) continue;
        pieces.push(Buffer.concat(open));
        open = [];
      }
    }
    return pieces;
  });

function mutate(
  frames: readonly Buffer[],
  { at, value }: { readonly at: number; readonly value: number },
): void {
  const bytes = frames[at % frames.length];
  if (bytes !== undefined) bytes[3 + (at % (bytes.length - 3))] = value;
}

function leavesHeaderOpen(bytes: Buffer): boolean {
  const isHeader = bytes[3] === HEADERS || bytes[3] === CONTINUATION || bytes[3] === PUSH_PROMISE;
  return isHeader && ((bytes[4] ?? 0) & flag.END_HEADERS) === 0;
}
