import { expect, test } from 'vitest';
import { setting, settings, windowUpdate } from '../src/testing/index.ts';
import { Dialogue } from './dialogue.ts';

const status = [{ name: ':status', value: '200', isRepeated: false }];
const trailer = [{ name: 'grpc-status', value: '0', isRepeated: false }];
const bytes = (length: number): Uint8Array => new Uint8Array(length);

/** Takes the output and pumps, until nothing more comes of it. */
function heardInTurns(dialogue: Dialogue): string[] {
  const heard: string[] = [];
  for (let turn = 0; turn < 20; turn++) {
    heard.push(...dialogue.heard());
    dialogue.connection.pump();
  }
  return heard;
}

test.each([
  ['a trailer', 'header 1 grpc-status=0 end'],
  ['a bare end', 'data 1 16383 end'],
])('%s goes behind data that fill the window of their stream to its end, in whichever turn', (end, last) => {
  const dialogue = Dialogue.begun({ maxOutputBytes: 20_000 });
  dialogue.request(1);
  const stream = dialogue.stream(1);
  stream.sendHeader(status, { isEnd: false });
  stream.sendData([bytes(65_535)], { isEnd: end === 'a bare end' });
  if (end === 'a trailer') stream.sendTrailer(trailer);
  expect(heardInTurns(dialogue).at(-1)).toBe(last);
  expect(dialogue.told.at(-1)).toBe('closed 1');
});

test('a trailer goes behind data that fill the window of the connection to its end', () => {
  const dialogue = Dialogue.begun({ maxOutputBytes: 20_000 });
  dialogue.send(settings([[setting.INITIAL_WINDOW_SIZE, 1_000_000]])).request(1);
  dialogue.stream(1).sendData([bytes(65_535)], { isEnd: false });
  dialogue.stream(1).sendTrailer(trailer);
  expect(heardInTurns(dialogue).at(-1)).toBe('header 1 grpc-status=0 end');
});

test('whoever waits for room hears of it when the last of his data fills the window', () => {
  const dialogue = Dialogue.begun({ maxOutputBytes: 20_000 });
  dialogue.request(1);
  dialogue.stream(1).sendData([bytes(65_535)], { isEnd: false });
  heardInTurns(dialogue);
  expect(dialogue.told.at(-1)).toBe('room 1');
});

test('streams whose windows are taken back leave the line to others', () => {
  const dialogue = Dialogue.begun({ maxOutputBytes: 20_000 });
  dialogue.request(1).request(3);
  dialogue.stream(1).sendData([bytes(60_000)], { isEnd: true });
  dialogue.send(settings([[setting.INITIAL_WINDOW_SIZE, 1_000]]));
  dialogue.stream(3).sendData([bytes(1_000)], { isEnd: true });
  expect(heardInTurns(dialogue)).toContain('data 3 1000 end');
  // The window is below zero now: it grows by what was sent before anything is.
  const owed = -dialogue.stream(1).sendWindow;
  expect(owed).toBeGreaterThan(0);
  dialogue.send(windowUpdate(1, owed));
  expect(heardInTurns(dialogue)).toEqual([]);
  dialogue.send(windowUpdate(1, 60_000));
  expect(heardInTurns(dialogue).at(-1)).toMatch(/^data 1 \d+ end$/);
});

test('a client that takes frames of any size gets none that are larger than what may wait for it', () => {
  const dialogue = Dialogue.begun();
  dialogue.send(
    settings([
      [setting.MAX_FRAME_SIZE, 16_777_215],
      [setting.INITIAL_WINDOW_SIZE, 0x7fff_ffff],
    ]),
  );
  dialogue.send(windowUpdate(0, 0x7fff_0000)).request(1);
  dialogue.stream(1).sendData([bytes(10_000_000)], { isEnd: true });
  expect(dialogue.connection.outputBytes).toBeLessThan(512 * 1024);
});
