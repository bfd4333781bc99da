import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { Inflater } from '../../src/lean/inflate.ts';

const message = gzipSync('hello '.repeat(10_000));

test('messages are inflated one at a time, by turns of those whose they are, and none that nobody wants', async () => {
  await using inflater = new Inflater(1 << 20);
  const begun: string[] = [];
  const unwanted = new Set(['b1', 'b2']);
  const inflate = (name: string, owner: object): Promise<Uint8Array | string> =>
    inflater
      .inflate({
        ...{ message, encoding: 'gzip', owner },
        isWanted: () => {
          begun.push(name);
          return !unwanted.has(name);
        },
      })
      .catch((error: Error) => error.message);
  const [a, b] = [{}, {}];
  const names = ['a0', 'a1', 'a2', 'a3', 'a4', 'a5', 'b0', 'b1', 'b2', 'b3'];
  const inflated = names.map((name) => inflate(name, name.startsWith('a') ? a : b));
  expect(begun).toEqual(['a0']);
  const lengths = (await Promise.all(inflated)).map((one) => (typeof one === 'string' ? one : one.length));
  expect(begun).toEqual(['a0', 'a1', 'b0', 'a2', 'b1', 'a3', 'b2', 'a4', 'b3', 'a5']);
  expect(lengths).toEqual(names.map((name) => (unwanted.has(name) ? 'context canceled' : 60_000)));
});

test('one that fails gives its place to the next', async () => {
  await using inflater = new Inflater(100);
  const inflate = (bytes: Uint8Array, encoding: 'gzip' | 'deflate' | 'identity' = 'gzip') =>
    inflater.inflate({ message: bytes, encoding, owner: inflater, isWanted: () => true });
  const failing = Array.from({ length: 8 }, (_, index) =>
    inflate(index % 2 === 0 ? message : Buffer.from('no gzip'), index < 6 ? 'gzip' : 'identity'),
  );
  const ends = await Promise.allSettled(failing);
  expect(new Set(ends.map((end) => (end.status === 'rejected' ? String(end.reason) : 'none')))).toEqual(
    new Set([
      'RpcError: grpc: received message after decompression larger than max 100',
      'RpcError: grpc: failed to decompress the message: gzip',
      'RpcError: grpc: compressed flag set with identity or empty encoding',
    ]),
  );
  expect(Buffer.from(await inflate(gzipSync('good'))).toString()).toBe('good');
});

test('who waits when a server stops hears that it does', async () => {
  const inflater = new Inflater(1 << 20);
  const inflate = () =>
    inflater.inflate({ message, encoding: 'gzip', owner: inflater, isWanted: () => true });
  const ends = Promise.allSettled([inflate(), inflate()]);
  await inflater[Symbol.asyncDispose]();
  expect((await ends).map((end) => end.status === 'rejected' && String(end.reason))).toEqual([
    'RpcError: the server is stopping',
    'RpcError: the server is stopping',
  ]);
});
