import { expect, test } from 'vitest';
import { errorCode, HpackEncoder, Http2Connection } from '../src/index.ts';
import { flag, frame, frameType, preface } from '../src/testing/index.ts';
import { goodRequest } from './dialogue.ts';

test.each([
  ['fails', (connection: Http2Connection<never>) => connection.fail(errorCode.ENHANCE_YOUR_CALM, 'enough')],
  ['ends', (connection: Http2Connection<never>) => connection.end(errorCode.CANCEL)],
])('a connection that its owner %s while a request comes takes in nothing behind it', (_, stop) => {
  const begun: number[] = [];
  const closed: number[] = [];
  const connection = new Http2Connection<never>({
    onRequest: (stream) => {
      begun.push(stream.id);
      stop(connection);
    },
    onData: () => expect.unreachable(),
    onClosed: (stream) => closed.push(stream.id),
    onRoom: () => {},
  });
  const encoder = new HpackEncoder();
  const fields = goodRequest.map(([name, value]) => ({ name, value, isRepeated: true }));
  const request = (streamId: number): Buffer =>
    frame({
      type: frameType.HEADERS,
      flags: flag.END_HEADERS,
      streamId,
      payload: Buffer.from(encoder.encode(fields)),
    });
  const bytes = Buffer.concat([preface(), request(1), request(3), request(5)]);
  connection.receive(bytes, 0, 0);
  connection.receive(request(7), 0, 0);
  expect(begun).toEqual([1]);
  expect(closed).toEqual([1]);
  expect(connection.streams.size).toBe(0);
});
