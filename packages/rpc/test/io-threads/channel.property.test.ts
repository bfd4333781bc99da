import fc from 'fast-check';
import { MessageChannel } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { Channel, type ChannelOptions, type RecordFields } from '../../src/io-threads/channel.ts';
import { ringMemory } from '../../src/io-threads/ring.ts';

interface Came {
  readonly fields: RecordFields;
  readonly bytes: Uint8Array;
}

/** Both ends of a channel in this thread, with rings so small that they are full soon. */
function bothEnds(options: Partial<ChannelOptions> = {}) {
  const wake = new MessageChannel();
  const parcels = new MessageChannel();
  const [one, other] = [ringMemory(1_024), ringMemory(1_024)];
  const cameLeft: Came[] = [];
  const cameRight: Came[] = [];
  const left = new Channel(
    { incoming: one, outgoing: other, wake: wake.port1, parcels: parcels.port1 },
    { onRecord: (fields, bytes) => cameLeft.push({ fields, bytes }), ...options },
  );
  const right = new Channel(
    { incoming: other, outgoing: one, wake: wake.port2, parcels: parcels.port2 },
    { onRecord: (fields, bytes) => cameRight.push({ fields, bytes }) },
  );
  const close = (): void => {
    left.close();
    right.close();
  };
  return { left, right, cameLeft, cameRight, close };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((next) => setImmediate(next));
}

const record = fc.record({
  fields: fc.record({
    kind: fc.integer({ min: 1, max: 0x7f }),
    path: fc.integer({ min: 0, max: 0xff_ffff }),
    call: fc.integer({ min: 0, max: 0xffff_ffff }),
    number: fc.integer({ min: 0, max: 0xffff_ffff }),
  }),
  // Some fit into the ring, some are a quarter of it and more, and go beside it.
  head: fc.uint8Array({ maxLength: 40 }),
  body: fc.oneof(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ minLength: 180, maxLength: 600 })),
  /** Whether others have their turn behind it. */
  isLastOfTurn: fc.boolean(),
});

test('records of any size come in the order in which they were sent, both ways, however full the rings are', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(record, { maxLength: 60 }),
      fc.array(record, { maxLength: 60 }),
      async (toRight, toLeft) => {
        const { left, right, cameLeft, cameRight, close } = bothEnds();
        const send = async (channel: Channel, records: typeof toRight): Promise<void> => {
          for (const { fields, head, body, isLastOfTurn } of records) {
            channel.send(fields, head, body);
            if (isLastOfTurn) await new Promise((next) => setImmediate(next));
          }
        };
        await Promise.all([send(left, toRight), send(right, toLeft)]);
        await until(() => cameRight.length === toRight.length && cameLeft.length === toLeft.length);
        const asCame = (records: typeof toRight): Came[] =>
          records.map(({ fields, head, body }) => ({
            fields,
            bytes: Uint8Array.from([...head, ...body]),
          }));
        const plain = (came: readonly Came[]): Came[] =>
          came.map(({ fields, bytes }) => ({ fields, bytes: Uint8Array.from(bytes) }));
        expect(plain(cameRight)).toEqual(asCame(toRight));
        expect(plain(cameLeft)).toEqual(asCame(toLeft));
        expect([left.waitingBytes, right.waitingBytes]).toEqual([0, 0]);
        close();
      },
    ),
    { numRuns: 60 },
  );
});

const fields = { kind: 1, path: 0, call: 0, number: 0 };

test('what does not fit into the ring waits, is counted, and goes on when there is room', async () => {
  const { left, cameRight, close } = bothEnds();
  for (let count = 0; count < 50; count++) left.send({ ...fields, call: count }, new Uint8Array(100));
  expect(left.waitingBytes).toBeGreaterThan(3_000);
  expect(left.overflows).toBeGreaterThan(30);
  await until(() => cameRight.length === 50);
  expect(cameRight.map((came) => came.fields.call)).toEqual(Array.from({ length: 50 }, (_, call) => call));
  expect(left.waitingBytes).toBe(0);
  close();
});

test('whoever has much to send takes nothing in until that is gone', async () => {
  const { left, right, cameLeft, cameRight, close } = bothEnds({ holdAboveBytes: 2_000 });
  left.send(fields, new Uint8Array(5_000));
  right.send({ ...fields, call: 7 });
  expect(left.waitingBytes).toBe(5_000);
  await until(() => cameLeft.length === 1);
  // The other side had taken the large one before.
  expect(cameRight.map(({ bytes }) => bytes.length)).toEqual([5_000]);
  expect(left.waitingBytes).toBe(0);
  close();
});

test('a source of bytes is read where it is sent from', async () => {
  const { left, cameRight, close } = bothEnds();
  const source = (length: number) => ({
    length,
    read: (target: Uint8Array, start: number, end: number) => void target.fill(9, start, end),
    detach: () => {},
  });
  left.send(fields, Uint8Array.of(1), source(20));
  left.send(fields, Uint8Array.of(1), source(2_000));
  await until(() => cameRight.length === 2);
  for (const { bytes } of cameRight) {
    expect(bytes[0]).toBe(1);
    expect(bytes.subarray(1).every((byte) => byte === 9)).toBe(true);
  }
  expect(cameRight.map(({ bytes }) => bytes.length)).toEqual([21, 2_001]);
  close();
});

test('behind its end a channel sends nothing', () => {
  const { left, close } = bothEnds();
  close();
  left.send(fields, new Uint8Array(10_000));
  expect(left.waitingBytes).toBe(0);
});
