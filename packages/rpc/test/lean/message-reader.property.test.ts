import { pageBytes, Pages } from '@quorate/http2';
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
        const reader = new MessageReader(100, new Pages());
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

/** Pages that are counted: how many are away, and that none comes back twice. */
class CountedPages extends Pages {
  readonly away = new Set<Buffer>();

  override take(): Buffer {
    const page = super.take();
    this.away.add(page);
    return page;
  }

  override give(page: Buffer): void {
    expect(this.away.delete(page)).toBe(true);
    super.give(page.fill(0xee)); // Whoever still reads it sees that.
  }
}

test('large messages come out as they went in, and their pages are given back', () => {
  const size = fc.oneof(
    fc.integer({ min: 0, max: 3 * pageBytes }),
    fc.constantFrom(8_191, 8_192, 8_193, pageBytes - 1, pageBytes, pageBytes + 1, 2 * pageBytes),
  );
  fc.assert(
    fc.property(
      fc.array(size, { minLength: 1, maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 6 }),
      (lengths, sizes) => {
        const messages = lengths.map((length, seed) => Buffer.alloc(length, `${seed}, and so on`));
        const stream = Buffer.concat(
          messages.flatMap((bytes) => [Buffer.from(prefixOf(bytes.length)), bytes]),
        );
        const pages = new CountedPages();
        const reader = new MessageReader(1_000_000, pages);
        const came: Uint8Array[] = [];
        let at = 0;
        for (let piece = 0; at < stream.length; piece++) {
          const end = at + (sizes[piece % sizes.length] ?? 1);
          reader.push(stream.subarray(at, end), { onMessage: (bytes) => void came.push(bytes) });
          at = end;
          expect(pages.away.size * pageBytes).toBeLessThanOrEqual(2 * reader.unfinishedBytes);
        }
        expect(came.map((bytes) => Buffer.from(bytes))).toEqual(messages);
        expect(pages.away.size).toBe(0);
      },
    ),
  );
});

test('a message that is forgotten gives its pages back, and the next one begins anew', () => {
  const pages = new CountedPages();
  const reader = new MessageReader(1_000_000, pages);
  const none = { onMessage: (): void => expect.unreachable() };
  reader.push(Buffer.concat([prefixOf(500_000), Buffer.alloc(100_000)]), none);
  expect(pages.away.size).toBe(7);
  reader.drop();
  reader.drop();
  expect(pages.away.size).toBe(0);
  expect(reader.unfinishedBytes).toBe(0);
  const came: Uint8Array[] = [];
  reader.push(Buffer.concat([prefixOf(3), Buffer.from('abc')]), { onMessage: (bytes) => came.push(bytes) });
  expect(came.map(String)).toEqual([String(Buffer.from('abc'))]);
});

test('what is held of a message that is not whole is told, prefix and all', () => {
  const reader = new MessageReader(100, new Pages());
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
  expect(() => new MessageReader(100, new Pages()).push(bytes, { onMessage: () => {} })).toThrow(
    expect.objectContaining({ status }),
  );
});

test('a message that only says how large it will be takes no memory of that size', () => {
  const before = process.memoryUsage().arrayBuffers;
  const readers = Array.from({ length: 500 }, () => {
    const reader = new MessageReader(2_000_000, new Pages());
    reader.push(Buffer.concat([prefixOf(2_000_000), Buffer.alloc(1_000)]), {
      onMessage: () => expect.unreachable(),
    });
    return reader;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50 * 1024 * 1024);
  expect(readers[0]?.unfinishedBytes).toBe(1_005);
});
