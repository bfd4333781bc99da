import { describe, expect, test } from 'vitest';
import { flag, frame, frameType, setting, settings, windowUpdate } from '../src/testing/index.ts';
import { Dialogue } from './dialogue.ts';

const bytes = (length: number): Uint8Array => new Uint8Array(length);

describe('what a client sent before it could know better costs it nothing', () => {
  const streamWindow = 128 * 1024;
  const sendWindowOf = (dialogue: Dialogue, id: number): void => {
    for (let sent = 0; sent < streamWindow; sent += 16_384) dialogue.data(id, 16_384);
  };

  test('DATA of requests that are answered before they end, within their windows', () => {
    const dialogue = Dialogue.begun({ streamWindow });
    for (let id = 1; id < 400; id += 2) {
      dialogue.request(id, { isEnd: false });
      dialogue.stream(id).sendHeader([{ name: ':status', value: '200', isRepeated: false }], { isEnd: true });
      sendWindowOf(dialogue, id);
    }
    expect(dialogue.error).toBeUndefined();
  });

  test('DATA of requests that are refused', () => {
    const dialogue = Dialogue.begun({ streamWindow, maxConcurrentStreams: 1 });
    dialogue.request(1, { isEnd: false });
    for (let id = 3; id < 100; id += 2) {
      dialogue.request(id, { isEnd: false });
      sendWindowOf(dialogue, id);
    }
    expect(dialogue.error).toBeUndefined();
  });

  test('what goes beyond the window is overhead', () => {
    const dialogue = Dialogue.begun({ streamWindow });
    dialogue.request(1, { isEnd: false });
    dialogue.stream(1).reset(0);
    for (let round = 0; round < 4 && dialogue.error === undefined; round++) sendWindowOf(dialogue, 1);
    expect(dialogue.error).toMatchObject({ budget: 'overheadBytes' });
  });

  test('frames without data for a stream that is over are overhead', () => {
    const dialogue = Dialogue.begun({ streamWindow });
    dialogue.request(1, { isEnd: false });
    dialogue.stream(1).reset(0);
    const empty = frame({ type: frameType.DATA, streamId: 1 });
    for (let sent = 0; sent < 30_000 && dialogue.error === undefined; sent++) dialogue.send(empty);
    expect(dialogue.error).toMatchObject({ budget: 'overheadBytes' });
  });
});

test('a client may tell of windows with each of its calls, however many it makes', () => {
  const dialogue = Dialogue.begun();
  for (let id = 1; id < 100_000; id += 2) {
    dialogue.request(id, { isEnd: false }).data(id, 20, { isEnd: true });
    const stream = dialogue.stream(id);
    stream.sendHeader([{ name: ':status', value: '200', isRepeated: false }], { isEnd: false });
    stream.sendData([bytes(10)], { isEnd: true });
    dialogue.connection.takeOutput();
    dialogue.streams.delete(id);
    dialogue.told.length = 0;
    dialogue.send(windowUpdate(id, 10)).send(windowUpdate(0, 10));
    if (dialogue.error !== undefined) break;
  }
  expect(dialogue.error).toBeUndefined();
});

test('a window of the connection below that of RFC 9113 is not taken for what the client may send', () => {
  const dialogue = Dialogue.begun({ connectionWindow: 1_000, streamWindow: 65_535 });
  dialogue.request(1, { isEnd: false });
  for (let sent = 0; sent < 3; sent++) dialogue.data(1, 16_384);
  expect(dialogue.error).toBeUndefined();
});

describe('a frame of settings', () => {
  const many = (count: number) =>
    settings(
      Array.from({ length: count }, (_, i) => [setting.INITIAL_WINDOW_SIZE, 65_535 + (i % 2)] as const),
    );

  test('that has more of them than anybody has to say is too much', () => {
    const dialogue = Dialogue.begun();
    expect(dialogue.send(many(33)).error).toMatchObject({ budget: 'settings' });
  });

  test('with a few counts by the last of each', () => {
    const dialogue = Dialogue.begun();
    dialogue.request(1).send(many(32));
    expect(dialogue.stream(1).sendWindow).toBe(65_536);
    dialogue.send(
      settings([
        [setting.INITIAL_WINDOW_SIZE, 5],
        [setting.INITIAL_WINDOW_SIZE, 7],
      ]),
    );
    expect(dialogue.stream(1).sendWindow).toBe(7);
    dialogue.request(3);
    expect(dialogue.stream(3).sendWindow).toBe(7);
  });

  test('costs little, also with a thousand requests under way', () => {
    const dialogue = Dialogue.begun({ maxConcurrentStreams: 10 });
    let changes = 0;
    dialogue.request(1);
    const stream = dialogue.stream(1);
    let window = stream.sendWindow;
    Object.defineProperty(stream, 'sendWindow', {
      get: () => window,
      set: (value: number) => {
        changes++;
        window = value;
      },
    });
    dialogue.send(many(32));
    expect(changes).toBe(1);
  });
});

test('of a header that is not whole no more is kept than itself', () => {
  const dialogue = Dialogue.begun();
  const block = dialogue.block([
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', '/a'],
  ]);
  const chunk = Buffer.concat([
    frame({ type: frameType.HEADERS, streamId: 1, payload: block.subarray(0, 2) }),
    frame({ type: frameType.CONTINUATION, streamId: 1, payload: block.subarray(2, 4) }),
  ]);
  dialogue.send(chunk);
  // Whoever reads a socket may write the next bytes over these.
  chunk.fill(0);
  dialogue.send(
    frame({
      type: frameType.CONTINUATION,
      flags: flag.END_HEADERS,
      streamId: 1,
      payload: block.subarray(4),
    }),
  );
  expect(dialogue.told).toEqual(['request 1 :method=POST :scheme=http /a']);
});
