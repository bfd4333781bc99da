import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flag, frame, frameType, preface, setting, settings, windowUpdate } from '../../src/testing/index.ts';
import { clientPieces } from './client-frames.ts';
import { differences, withoutDifferences, type Difference } from './differences.ts';
import { runsOf, timeoutMs } from './fuzzing.ts';
import { Nghttp2Server, ourOutcome } from './outcomes.ts';

let nghttp2: Nghttp2Server;
beforeAll(async () => {
  nghttp2 = await Nghttp2Server.start();
});
afterAll(() => nghttp2[Symbol.asyncDispose]());

test(
  'whatever frames come, nghttp2 and we read equally far, tell of the same requests and break off the same streams',
  async () => {
    await fc.assert(
      fc.asyncProperty(clientPieces, async (sent) => {
        const { pieces } = withoutDifferences(sent);
        const { why, ...ours } = ourOutcome(pieces);
        expect({ why, ...(await nghttp2.outcome(pieces)) }).toEqual({ why, ...ours });
      }),
      runsOf(600),
    );
  },
  timeoutMs,
);

const { DATA, HEADERS, PRIORITY, PING, GOAWAY } = frameType;
/** `:method: POST`, `:scheme: http`, `:path: /`, `:authority: a`. */
const good = [0x83, 0x86, 0x84, 0x01, 0x01, 0x61];
const headers = (block: readonly number[], { flags = 0, streamId = 1 } = {}): Buffer =>
  frame({ type: HEADERS, flags: flags | flag.END_HEADERS, streamId, payload: Buffer.of(...block) });
const literal = (name: string, value: string): number[] => [
  ...[0x00, name.length, ...Buffer.from(name, 'latin1')],
  ...[value.length, ...Buffer.from(value, 'latin1')],
];

/** What a client sends behind the preface for both to end differently. */
const examples: Readonly<Record<Difference, readonly Uint8Array[]>> = {
  priorityOfNoStream: [frame({ type: PRIORITY, payload: new Uint8Array(5) })],
  prioritySize: [headers(good), frame({ type: PRIORITY, streamId: 1, payload: new Uint8Array(4) })],
  pingAnswer: [frame({ type: PING, flags: flag.ACK, payload: new Uint8Array(8) })],
  goAway: [frame({ type: GOAWAY, payload: Buffer.of(0, 0, 0, 0, 0, 0, 0, 1) })],
  extension: [settings([[8, 2]])],
  repeatedSetting: [
    settings([
      [setting.ENABLE_PUSH, 2],
      [setting.ENABLE_PUSH, 0],
    ]),
  ],
  streamWindow: [headers(good), windowUpdate(1, 0)],
  overStream: [headers(good, { streamId: 3 }), headers(good)],
  halfClosed: [headers(good, { flags: flag.END_STREAM }), frame({ type: DATA, streamId: 1 })],
  malformedField: [headers([...good, ...literal('a b', '')])],
  uriCharacters: [headers([0x83, 0x86, 0x04, 0x03, 0x2f, 0x20, 0x61, 0x01, 0x01, 0x61])],
  contentLength: [headers([...good, ...literal('content-length', '1'), ...literal('content-length', '1')])],
  authority: [headers([0x83, 0x86, 0x84])],
  wideNumber: [headers([...good, 0x0f, 0x80, 0x80, 0x80, 0x80, 0x00, 0x00])],
};

test.each(Object.entries(differences))('%s: %s', async (name, _why) => {
  // The keys are those of `differences`.
  const difference = name as Difference;
  const pieces = [preface(), ...examples[difference]];
  const { pieces: kept, found } = withoutDifferences(pieces);
  expect([...found]).toEqual([difference]);
  const { why: _, ...ours } = ourOutcome(pieces);
  expect(await nghttp2.outcome(pieces)).not.toEqual(ours);
  const { why: __, ...same } = ourOutcome(kept);
  expect(await nghttp2.outcome(kept)).toEqual(same);
});
