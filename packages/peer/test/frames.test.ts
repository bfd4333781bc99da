import { fromHex, toHex } from '@quorate/std';
import { raftpb, type Entry, type Message } from '@quorate/wire';
import { expect, test } from 'vitest';
import { AppendDecoder, AppendEncoder } from '../src/frames/append-frames.ts';
import { encodeMessageFrames, MessageDecoder, MessageEncoder } from '../src/frames/message-frames.ts';
import { makeMessage } from '../src/testing/index.ts';

const { MessageType } = raftpb;
const maxMessageBytes = 1024 * 1024;

function append(fields: Partial<Message>): Message {
  return makeMessage({ type: MessageType.MsgApp, from: 1n, to: 2n, ...fields });
}

function entryAt(term: number, index: number, text = ''): Entry {
  return { term, index, type: 0, data: new TextEncoder().encode(text) };
}

function newAppendDecoder(): AppendDecoder {
  return new AppendDecoder({ from: 1n, to: 2n, maxMessageBytes });
}

function decodeAll(decoder: AppendDecoder | MessageDecoder, bytes: Uint8Array): Message[] {
  const messages: Message[] = [];
  decoder.push(bytes, (message) => messages.push(message));
  return messages;
}

/** Two appends of a leader of term 2, of which the second follows the first. */
const first = append({ term: 2, logTerm: 1, index: 4, entries: [entryAt(2, 5)], commit: 4 });
const second = append({ term: 2, logTerm: 2, index: 5, entries: [entryAt(2, 6, 'six')], commit: 5 });
const workedHex = [
  '02 000000000000001c',
  '0803 1002 1801 2002 2801 3004 3a06080010021805 4004 5000 5800 6800',
  '01 0000000000000001',
  '000000000000000b 0800 1002 1806 2203736978',
  '0000000000000005',
].join(' ');

test('an append that follows the one before goes without its head', () => {
  const frames = new AppendEncoder().encode([first, second], 0, 2);
  expect(toHex(frames)).toBe(workedHex.replaceAll(' ', ''));
});

test('the head of an append that was left out is put back', () => {
  expect(decodeAll(newAppendDecoder(), fromHex(workedHex))).toEqual([first, second]);
});

test('the very first append, of an empty log, could follow nothing and is still told in full', () => {
  const start = append({ term: 1, logTerm: 0, index: 0, entries: [entryAt(1, 1)] });
  expect(new AppendEncoder().encode([start], 0, 1)[0]).toBe(2);
});

test('a new connection begins without a memory', () => {
  const encoder = new AppendEncoder();
  encoder.encode([first], 0, 1);
  expect(encoder.encode([second], 0, 1)[0]).toBe(1);
  expect(new AppendEncoder().encode([second], 0, 1)[0]).toBe(2);
});

test('a link heartbeat is a single zero byte among appends and an empty heartbeat among messages', () => {
  expect(toHex(new AppendEncoder().linkHeartbeat)).toBe('00');
  expect(toHex(new MessageEncoder().linkHeartbeat)).toBe(
    '0000000000000014' + '0808 1000 1800 2000 2800 3000 4000 5000 5800 6800'.replaceAll(' ', ''),
  );
  expect(decodeAll(newAppendDecoder(), fromHex('00 00 00'))).toEqual([]);
  const decoder = new MessageDecoder({ maxMessageBytes });
  expect(decodeAll(decoder, new MessageEncoder().linkHeartbeat)).toEqual([]);
});

test('a heartbeat of a leader is no link heartbeat', () => {
  const heartbeat = makeMessage({ type: MessageType.MsgHeartbeat, from: 1n, to: 2n, term: 3 });
  const frames = encodeMessageFrames([heartbeat]);
  expect(decodeAll(new MessageDecoder({ maxMessageBytes }), frames)).toEqual([heartbeat]);
});

test('what a decoder gives shares no memory with the chunk it came in', () => {
  const frames = new AppendEncoder().encode([first, second], 0, 2);
  const messages = decodeAll(newAppendDecoder(), frames);
  frames.fill(0xff);
  expect(messages).toEqual([first, second]);
  expect(messages[1]?.entries[0]?.data.buffer).not.toBe(frames.buffer);
});

test.each([
  ['a message', '02 ffffffffffffffff'],
  ['a message just above the limit', '02 0000000000100001'],
  ['a count of entries', '01 7fffffffffffffff'],
  ['an entry', '01 0000000000000001 0000ffffffffffff'],
])('%s of a false length is refused before any of it has come', (_name, hex) => {
  expect(() => decodeAll(newAppendDecoder(), fromHex(hex))).toThrow(
    expect.objectContaining({ code: 'PEER_BAD_ANSWER' }),
  );
});

test('a length at the limit of the message stream is waited for, and the next one refused', () => {
  expect(decodeAll(new MessageDecoder({ maxMessageBytes }), fromHex('0000000000100000'))).toEqual([]);
  expect(() => decodeAll(new MessageDecoder({ maxMessageBytes }), fromHex('0000000000100001'))).toThrow(
    expect.objectContaining({ code: 'PEER_BAD_ANSWER' }),
  );
});

test('entries that do not follow what came before are refused: a frame was lost', () => {
  const third = append({ term: 2, logTerm: 2, index: 6, entries: [entryAt(2, 7)], commit: 6 });
  const encoder = new AppendEncoder();
  const decoder = newAppendDecoder();
  decodeAll(decoder, encoder.encode([first], 0, 1));
  encoder.encode([second], 0, 1);
  expect(() => decodeAll(decoder, encoder.encode([third], 0, 1))).toThrow(
    expect.objectContaining({ code: 'PEER_BAD_ANSWER' }),
  );
});

test('a frame of unknown kind is refused', () => {
  expect(() => decodeAll(newAppendDecoder(), fromHex('03'))).toThrow(
    expect.objectContaining({ code: 'PEER_BAD_ANSWER' }),
  );
});
