import { concatBytes } from '@quorate/std';
import { raftpb, WireError, type Entry, type Message } from '@quorate/wire';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PeerError } from '../src/errors.ts';
import { AppendDecoder, AppendEncoder } from '../src/frames/append-frames.ts';
import { MessageDecoder, MessageEncoder } from '../src/frames/message-frames.ts';
import { makeMessage } from '../src/testing/index.ts';

const { MessageType } = raftpb;
const maxMessageBytes = 1024 * 1024;

const count = fc.oneof(fc.nat(3), fc.nat(1_000_000), fc.constant(2 ** 52));
const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const bytes = fc.uint8Array({ maxLength: 300, size: 'max' });

/** One step of a leader's stream: it goes on where it was, or somewhere else. */
const step = fc.record({
  follows: fc.boolean(),
  term: fc.integer({ min: 1, max: 3 }),
  logTerm: fc.nat(3),
  index: count,
  sizes: fc.array(bytes, { maxLength: 5 }),
  commit: count,
});

/** The messages of a leader that appends in order most of the time. */
const appends: fc.Arbitrary<Message[]> = fc.array(step, { maxLength: 12 }).map((steps) => {
  let term = 1;
  let index = 0;
  return steps.map((one): Message => {
    if (!one.follows) ({ term, index } = one);
    const logTerm = one.follows ? term : one.logTerm;
    const entries = one.sizes.map((data, i): Entry => ({ term, index: index + 1 + i, type: 0, data }));
    const message = { term, logTerm, index, entries, commit: one.commit };
    index += entries.length;
    return makeMessage({ type: MessageType.MsgApp, from: 7n, to: 9n, ...message });
  });
});

const anyMessage: fc.Arbitrary<Message> = fc
  .record({
    type: fc.integer({ min: 2, max: 18 }),
    from: id,
    to: id.filter((to) => to !== 0n),
    term: count,
    logTerm: count,
    index: count,
    commit: count,
    vote: id,
    reject: fc.boolean(),
    rejectHint: count,
    context: bytes,
  })
  .map(makeMessage);

/** Cuts bytes at the given places, which are taken modulo the length. */
function cut(whole: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (whole.length + 1)))].sort((a, b) => a - b);
  return [...at, whole.length].map((end, i) => whole.subarray(at[i - 1] ?? 0, end));
}

function decode(decoder: AppendDecoder | MessageDecoder, chunks: readonly Uint8Array[]): Message[] {
  const messages: Message[] = [];
  for (const chunk of chunks) decoder.push(chunk, (message) => messages.push(message));
  return messages;
}

const cuts = fc.array(fc.nat(), { maxLength: 30 });

test('appends come out of the msgapp stream as they went in, in whatever chunks', () => {
  fc.assert(
    fc.property(appends, cuts, cuts, (messages, batches, places) => {
      const encoder = new AppendEncoder();
      const ends = [...new Set(batches.map((at) => at % (messages.length + 1)))].sort((a, b) => a - b);
      const parts = [...ends, messages.length].map((end, i) =>
        encoder.encode(messages, ends[i - 1] ?? 0, end),
      );
      const decoder = new AppendDecoder({ from: 7n, to: 9n, maxMessageBytes });
      expect(decode(decoder, cut(concatBytes(parts), places))).toEqual(messages);
    }),
  );
});

test('any messages come out of both streams as they went in', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          anyMessage,
          appends.map((all) => all[0] ?? makeMessage({ type: 3, from: 7n, to: 9n })),
        ),
      ),
      cuts,
      (messages, places) => {
        const onMessages = new MessageEncoder().encode(messages, 0, messages.length);
        expect(decode(new MessageDecoder({ maxMessageBytes }), cut(onMessages, places))).toEqual(messages);
        const onAppends = new AppendEncoder().encode(messages, 0, messages.length);
        const decoder = new AppendDecoder({ from: 7n, to: 9n, maxMessageBytes });
        expect(decode(decoder, cut(onAppends, places))).toEqual(messages);
      },
    ),
  );
});

test('hostile bytes end in an error of a known kind, or in messages, and hold no more than what came', () => {
  const damaged = fc
    .tuple(appends, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
    .map(([messages, hits]) => {
      const whole = new AppendEncoder().encode(messages, 0, messages.length);
      for (const [at, value] of hits) if (whole.length > 0) whole[at % whole.length] = value;
      return whole;
    });
  const hostile = fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged);
  fc.assert(
    fc.property(hostile, cuts, (stream, places) => {
      const decoders = [
        new AppendDecoder({ from: 7n, to: 9n, maxMessageBytes }),
        new MessageDecoder({ maxMessageBytes }),
      ];
      for (const decoder of decoders) {
        try {
          decode(decoder, cut(stream, places));
        } catch (error) {
          expect(error instanceof PeerError || error instanceof WireError).toBe(true);
        }
      }
    }),
    { numRuns: 500 },
  );
});
