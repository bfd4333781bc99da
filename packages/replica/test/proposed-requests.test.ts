import { concatBytes, fromUtf8 } from '@quorate/std';
import {
  decodeRaftEnvelope,
  decodeTxnRequest,
  raftRequestField,
  rpcpb,
  type Entry,
  type RaftEnvelope,
} from '@quorate/wire';
import { expect, test } from 'vitest';
import type { KvApi } from '../src/index.ts';
import { openTestMember, putRequest } from '../src/testing/index.ts';

/** The end of a range, there and empty, as some clients write it: of Range and DeleteRange, and of Compare. */
const emptyEnd = Uint8Array.of(0x12, 0x00);
const emptyEndOfCompare = Uint8Array.of(0x82, 0x04, 0x00);

/** A message or a text within another message: its tag, its length, its bytes. */
function field(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = concatBytes(parts);
  return concatBytes([Uint8Array.of(tag, bytes.length), bytes]);
}

const rangeOf = (key: string): Uint8Array => concatBytes([field(0x0a, fromUtf8(key)), emptyEnd]);

/** What a member with the keys a, b and c last put into its log for that call. */
async function proposedBy(call: (kv: KvApi) => Promise<unknown>): Promise<RaftEnvelope> {
  const entries: Entry[] = [];
  const member = await openTestMember({ observer: { onApplied: ({ applied }) => entries.push(...applied) } });
  const { kv } = member.replica;
  for (const key of ['a', 'b', 'c']) await member.during(kv.put(putRequest(key, key)));
  await member.during(call(kv));
  await member.during(member.replica.close());
  return decodeRaftEnvelope(entries.at(-1)?.data ?? new Uint8Array());
}

test('the end of a deletion that is there and empty, which etcd takes for that of all keys, is not in the log', async () => {
  const { requestField, request } = await proposedBy((kv) => kv.deleteRange(rangeOf('b')));
  expect([requestField, request]).toEqual([raftRequestField.deleteRange, field(0x0a, fromUtf8('b'))]);
});

test('nor is it in transactions, on any level; nor are operations that are there twice', async () => {
  const { requestField, request } = await proposedBy((kv) =>
    kv.txn(
      concatBytes([
        // If b was created at a revision below 1 …
        field(
          0x0a,
          Uint8Array.of(0x08, 0x02, 0x10, 0x01),
          field(0x1a, fromUtf8('x')),
          Uint8Array.of(0x28, 0x01),
          emptyEndOfCompare,
        ),
        // … then delete it, read c, and, within a transaction, delete d or else read it.
        field(0x12, field(0x1a, rangeOf('b'))),
        field(0x12, field(0x0a, rangeOf('c'))),
        field(
          0x12,
          field(0x22, field(0x12, field(0x1a, rangeOf('d'))), field(0x1a, field(0x0a, rangeOf('d')))),
        ),
        // Else delete e, which comes in two parts.
        field(0x1a, field(0x1a, rangeOf('f')), field(0x1a, rangeOf('e'))),
      ]),
    ),
  );
  expect(requestField).toBe(raftRequestField.txn);
  // The generated codec leaves out what is empty, as Go's does.
  expect(request).toEqual(
    Uint8Array.from(rpcpb.TxnRequest.encode(rpcpb.TxnRequest.decode(request)).finish()),
  );
  const { success, failure } = decodeTxnRequest(request);
  expect(success[2]).toMatchObject({ txn: { failure: [{ range: { key: fromUtf8('d') } }] } });
  expect(failure).toMatchObject([{ deleteRange: { key: fromUtf8('e') } }]);
});
