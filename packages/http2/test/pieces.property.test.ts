import fc from 'fast-check';
import { expect, test } from 'vitest';
import { flag, frame, frameType, preface, setting, settings, windowUpdate } from '../src/testing/index.ts';
import { Dialogue, goodRequest } from './dialogue.ts';

/** Frames of clients that are almost right. */
const anyFrame = fc.oneof(
  fc
    .record({
      type: fc.integer({ min: 0, max: 11 }),
      flags: fc.integer({ min: 0, max: 255 }),
      streamId: fc.integer({ min: 0, max: 9 }),
      payload: fc.uint8Array({ maxLength: 30 }),
    })
    .map((made) => frame(made)),
  fc
    .tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 100_000 }))
    .map(([id, by]) => windowUpdate(id, by)),
  fc
    .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 70_000 }))
    .map((entry) => settings([entry])),
);
const request = fc.record({ streamId: fc.constantFrom(1, 3, 5, 7, 9), isEnd: fc.boolean() });

test('it does not matter in which pieces bytes come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 2, arbitrary: request }, { weight: 3, arbitrary: anyFrame }), {
        maxLength: 20,
      }),
      fc.integer({ min: 1, max: 40 }),
      (steps, pieceBytes) => {
        // Made once, by an encoder of its own: the same bytes go both ways.
        const maker = new Dialogue();
        const bytes = Buffer.concat([
          preface(),
          ...steps.map((step) =>
            step instanceof Uint8Array
              ? step
              : frame({
                  type: frameType.HEADERS,
                  flags: flag.END_HEADERS | (step.isEnd ? flag.END_STREAM : 0),
                  streamId: step.streamId,
                  payload: maker.block(goodRequest),
                }),
          ),
        ]);
        const whole = new Dialogue().send(bytes);
        const pieces = new Dialogue().send(bytes, pieceBytes);
        expect(pieces.told).toEqual(whole.told);
        expect(pieces.heard()).toEqual(whole.heard());
        expect(pieces.error?.message).toBe(whole.error?.message);
      },
    ),
    { numRuns: 500 },
  );
});

test('whatever comes, nothing but a ConnectionError is thrown, and a request that was told ends at most once', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 50 }), anyFrame), { maxLength: 30 }),
      (chunks) => {
        const dialogue = Dialogue.begun();
        for (const id of [1, 3]) dialogue.request(id, { isEnd: false });
        for (const chunk of chunks) dialogue.send(chunk);
        const ends = dialogue.told.filter((one) => one.startsWith('closed'));
        expect(new Set(ends.map((one) => one.split(' ')[1])).size).toBe(ends.length);
        if (dialogue.error !== undefined) expect(dialogue.connection.streams.size).toBe(0);
      },
    ),
    { numRuns: 500 },
  );
});

test('what is sent stays within the windows and frames that the client allows, and all of it comes in its order', () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('send' as const),
      stream: fc.constantFrom(1, 3, 5),
      bytes: fc.integer({ min: 0, max: 40_000 }),
    }),
    fc.record({
      kind: fc.constant('widen' as const),
      stream: fc.constantFrom(0, 1, 3, 5),
      bytes: fc.integer({ min: 1, max: 30_000 }),
    }),
    fc.record({ kind: fc.constant('initial' as const), bytes: fc.integer({ min: 0, max: 80_000 }) }),
    fc.record({ kind: fc.constant('take' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const dialogue = Dialogue.begun({ maxOutputBytes: 30_000 });
      const windows = new Map([1, 3, 5].map((id) => [id, 65_535]));
      let shared = 65_535;
      let initial = 65_535;
      const sent = new Map([1, 3, 5].map((id) => [id, 0]));
      const queued = new Map([1, 3, 5].map((id) => [id, 0]));
      const add = (to: Map<number, number>, id: number, by: number): void =>
        void to.set(id, (to.get(id) ?? 0) + by);
      const look = (): void => {
        for (const { type, streamId, payload } of dialogue.frames()) {
          if (type !== frameType.DATA) continue;
          // What comes counts up: each byte says where it belongs.
          const from = sent.get(streamId) ?? 0;
          expect(payload.every((byte, index) => byte === (from + index) % 251)).toBe(true);
          add(sent, streamId, payload.length);
          add(windows, streamId, -payload.length);
          shared -= payload.length;
          expect(payload.length).toBeLessThanOrEqual(16_384);
          if (payload.length > 0) expect(windows.get(streamId)).toBeGreaterThanOrEqual(0);
          expect(shared).toBeGreaterThanOrEqual(0);
        }
      };
      for (const id of [1, 3, 5]) dialogue.request(id);
      for (const one of steps) {
        if (one.kind === 'send') {
          const from = queued.get(one.stream) ?? 0;
          const bytes = Uint8Array.from({ length: one.bytes }, (_, index) => (from + index) % 251);
          dialogue.stream(one.stream).sendData([bytes], { isEnd: false });
          add(queued, one.stream, one.bytes);
        } else if (one.kind === 'widen') {
          if (one.stream === 0) shared += one.bytes;
          else add(windows, one.stream, one.bytes);
          dialogue.send(windowUpdate(one.stream, one.bytes));
        } else if (one.kind === 'initial') {
          // What is under way was sent under the window before.
          look();
          for (const id of windows.keys()) add(windows, id, one.bytes - initial);
          initial = one.bytes;
          dialogue.send(settings([[setting.INITIAL_WINDOW_SIZE, one.bytes]]));
        } else {
          look();
          dialogue.connection.pump();
        }
      }
      // With windows that are just wide enough everything comes, and the ends of the streams behind it.
      look();
      let owed = 0;
      for (const id of [1, 3, 5]) {
        dialogue.stream(id).sendTrailer([{ name: 'end', value: 'end', isRepeated: false }]);
        const left = (queued.get(id) ?? 0) - (sent.get(id) ?? 0);
        owed += left;
        const lack = left - (windows.get(id) ?? 0);
        if (left === 0 || lack <= 0) continue;
        dialogue.send(windowUpdate(id, lack));
        add(windows, id, lack);
      }
      if (owed > shared) {
        const lack = owed - shared;
        dialogue.send(windowUpdate(0, lack));
        shared += lack;
      }
      for (let turn = 0; turn < 200; turn++) {
        look();
        dialogue.connection.pump();
      }
      expect(dialogue.told.filter((one) => one.startsWith('closed'))).toHaveLength(3);
      expect(sent).toEqual(queued);
    }),
    { numRuns: 200 },
  );
});
