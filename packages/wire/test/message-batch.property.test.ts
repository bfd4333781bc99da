import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeLeaseKeepAliveId,
  emptyBatch,
  encodeLeaseKeepAliveResponse,
  encodeWatchResponse,
  MessageBatchWriter,
  messagePrefixBytes,
  messagesOf,
  rpcpb,
  watchIdOffset,
  watchIdSize,
  WireError,
  writeWatchId,
  type SharedBatch,
} from '../src/index.ts';
import { count, responseHeader, signedId } from './support/arbitraries.ts';
import { generatedHeader } from './support/to-generated.ts';

const message = fc.uint8Array({ maxLength: 1500 });

test('the messages of a batch are those that were added, each behind its prefix, with memory that is used again or not', () => {
  const batches = fc.array(fc.record({ messages: fc.array(message), isReleased: fc.boolean() }));
  fc.assert(
    fc.property(batches, (made) => {
      const writer = new MessageBatchWriter();
      const kept: { bytes: Uint8Array; copy: Uint8Array }[] = [];
      for (const { messages, isReleased } of made) {
        for (const [index, bytes] of messages.entries()) {
          if (index % 2 === 0) writer.push(bytes);
          else writer.addPrefixed(prefixed(bytes));
        }
        const batch = writer.take();
        expect(batch.count).toBe(messages.length);
        expect(messagesOf(batch).map((view) => Uint8Array.from(view))).toEqual(messages);
        if (isReleased) {
          batch.release();
          batch.release();
        } else kept.push({ bytes: batch.bytes, copy: Uint8Array.from(batch.bytes) });
      }
      for (const { bytes, copy } of kept) expect(Uint8Array.from(bytes)).toEqual(copy);
    }),
  );
});

test('a batch that is released twice is not written over while it is made', () => {
  const writer = new MessageBatchWriter();
  writer.push(Uint8Array.of(1));
  const first = writer.take();
  first.release();
  writer.push(Uint8Array.of(2));
  const second = writer.take();
  first.release();
  writer.push(Uint8Array.of(3));
  expect(messagesOf(second)).toEqual([Uint8Array.of(2)]);
  expect(messagesOf(emptyBatch)).toEqual([]);
});

test('parts of a batch stay as they are until the batch and all of its parts are released, in whatever order', () => {
  const batches = fc.array(
    fc.record({
      messages: fc.array(message, { minLength: 1, maxLength: 6 }),
      parts: fc.nat(3),
      order: fc.nat(5),
    }),
  );
  fc.assert(
    fc.property(batches, (made) => {
      const writer = new MessageBatchWriter();
      const held: { readonly part: SharedBatch; readonly messages: readonly Uint8Array[] }[] = [];
      for (const { messages, parts, order } of made) {
        for (const bytes of messages) writer.push(bytes);
        const batch = writer.take();
        const first = messagePrefixBytes + messages[0]!.length;
        for (let index = 0; index < parts; index++) {
          const isFirst = index % 2 === 0;
          const part = isFirst
            ? batch.part(0, first, 1)
            : batch.part(first, batch.bytes.length, messages.length - 1);
          held.push({ part, messages: isFirst ? messages.slice(0, 1) : messages.slice(1) });
        }
        batch.release();
        batch.release();
        for (const { part, messages: expected } of held) {
          expect(messagesOf(part).map((view) => Uint8Array.from(view))).toEqual(expected);
        }
        for (const { part } of held.splice(order)) part.release();
        expect(() => batch.part(0, 0, 0)).toThrow();
      }
    }),
  );
});

test('a batch keeps no memory that is more than four times as large as itself, nor does a part of one', () => {
  const writer = new MessageBatchWriter();
  const sizes = [300_000, 10, 9_000, 80_000, 10];
  for (const size of sizes) {
    writer.push(new Uint8Array(size).fill(1));
    writer.push(Uint8Array.of(2));
    const batch = writer.take();
    const part = batch.part(messagePrefixBytes + size, batch.bytes.length, 1);
    for (const { bytes } of [batch, part]) {
      expect(bytes.buffer.byteLength).toBeLessThanOrEqual(Math.max(16 * 1024, 4 * bytes.length));
    }
    expect(messagesOf(part)).toEqual([Uint8Array.of(2)]);
    part.release();
    batch.release();
  }
});

test('copies of a batch go behind what was added before, also when it is released meanwhile', () => {
  const writer = new MessageBatchWriter();
  writer.push(Uint8Array.of(1, 2));
  writer.push(Uint8Array.of(3));
  const row = writer.take();
  const other = new MessageBatchWriter();
  other.push(Uint8Array.of(0));
  other.addBatch(row);
  row.release();
  writer.push(Uint8Array.of(9, 9, 9, 9));
  other.push(Uint8Array.of(4));
  const batch = other.take();
  expect(batch.count).toBe(4);
  expect(messagesOf(batch).map((view) => [...view])).toEqual([[0], [1, 2], [3], [4]]);
});

test('a batch that was given up leaves nothing to the next one', () => {
  const writer = new MessageBatchWriter();
  writer.push(Uint8Array.of(1));
  writer.clear();
  expect(writer.take().count).toBe(0);
});

test('a watch response with another ID of the same size is the response to that watcher', () => {
  const parts = fc.record({
    header: responseHeader,
    events: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
    watchId: signedId,
    otherId: signedId,
  });
  fc.assert(
    fc.property(parts, ({ header, events, watchId, otherId }) => {
      const { created, canceled, compactRevision, cancelReason, fragment } = plain;
      const rest = { header, events, created, canceled, compactRevision, cancelReason, fragment };
      const bytes = encodeWatchResponse({ ...rest, watchId });
      fc.pre(watchIdSize(watchId) === watchIdSize(otherId));
      writeWatchId(otherId, bytes, watchIdOffset(header));
      expect(bytes).toEqual(encodeWatchResponse({ ...rest, watchId: otherId }));
    }),
  );
});

test('a renewal is read and answered as by the generated code', () => {
  fc.assert(
    fc.property(responseHeader, signedId, count, (header, id, ttlSeconds) => {
      const request = rpcpb.LeaseKeepAliveRequest.encode({ ID: id }).finish();
      expect(decodeLeaseKeepAliveId(request)).toBe(id);
      const generated = { header: generatedHeader(header), ID: id, TTL: BigInt(ttlSeconds) };
      expect(encodeLeaseKeepAliveResponse({ header, id, ttlSeconds })).toEqual(
        rpcpb.LeaseKeepAliveResponse.encode(generated).finish(),
      );
    }),
  );
});

test('a renewal that is no message is refused, and what it has beside the ID is passed over', () => {
  expect(() => decodeLeaseKeepAliveId(Uint8Array.of(0x08))).toThrow(WireError);
  expect(() => decodeLeaseKeepAliveId(Uint8Array.of(0x0a, 0x00))).toThrow(WireError);
  expect(decodeLeaseKeepAliveId(Uint8Array.of(0x08, 5, 0x12, 1, 9, 0x08, 7))).toBe(7n);
  expect(decodeLeaseKeepAliveId(new Uint8Array(0))).toBe(0n);
});

const plain = {
  created: false,
  canceled: false,
  compactRevision: 0,
  cancelReason: '',
  fragment: false,
};

function prefixed(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(messagePrefixBytes + bytes.length);
  new DataView(whole.buffer).setUint32(1, bytes.length);
  whole.set(bytes, messagePrefixBytes);
  return whole;
}
