import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageReader, prefixOf } from '../../src/lean/message-reader.ts';

test('messages come out as they went in, in whatever pieces they come', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ bytes: fc.uint8Array({ maxLength: 60 }), isCompressed: fc.boolean() }), {
        maxLength: 12,
      }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 }),
      (messages, sizes) => {
        const stream = Buffer.concat(
          messages.flatMap(({ bytes, isCompressed }) => {
            const prefix = Uint8Array.from(prefixOf(bytes.length));
            prefix[0] = isCompressed ? 1 : 0;
            return [prefix, bytes];
          }),
        );
        const reader = new MessageReader(100);
        const came: { bytes: Uint8Array; isCompressed: boolean }[] = [];
        let at = 0;
        for (let piece = 0; at < stream.length; piece++) {
          const end = at + (sizes[piece % sizes.length] ?? 1);
          reader.push(stream.subarray(at, end), {
            onMessage: (bytes, isCompressed) => came.push({ bytes: Uint8Array.from(bytes), isCompressed }),
          });
          at = end;
        }
        expect(came).toEqual(messages);
        expect(reader.unfinishedBytes).toBe(0);
      },
    ),
  );
});

test('what is held of a message that is not whole is told, prefix and all', () => {
  const reader = new MessageReader(100);
  const none = { onMessage: (): void => expect.unreachable() };
  reader.push(prefixOf(50).subarray(0, 3), none);
  expect(reader.unfinishedBytes).toBe(3);
  reader.push(prefixOf(50).subarray(3), none);
  reader.push(new Uint8Array(20), none);
  expect(reader.unfinishedBytes).toBe(25);
});

test.each([
  ['a message above the limit, by its length alone', Uint8Array.from(prefixOf(101)), 8],
  ['one of 4 GiB', Uint8Array.of(0, 255, 255, 255, 255), 8],
  ['a flag that nobody knows', Uint8Array.of(2, 0, 0, 0, 0), 13],
])('%s is refused', (_, bytes, status) => {
  expect(() => new MessageReader(100).push(bytes, { onMessage: () => {} })).toThrow(
    expect.objectContaining({ status }),
  );
});

test('a message that only says how large it will be takes no memory of that size', () => {
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 500 }, () => {
    const reader = new MessageReader(2_000_000);
    reader.push(Buffer.concat([prefixOf(2_000_000), Buffer.alloc(1_000)]), {
      onMessage: () => expect.unreachable(),
    });
    return reader;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 1024 * 1024);
  expect(readers[0]?.unfinishedBytes).toBe(1_005);
});
