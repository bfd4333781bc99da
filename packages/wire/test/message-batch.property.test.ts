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
