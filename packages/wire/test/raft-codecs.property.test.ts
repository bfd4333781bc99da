import { create, toBinary, type DescMessage } from '@bufbuild/protobuf';
import { invariant } from '@quorate/std';
import {
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeRaftEnvelope,
  decodeSnapshot,
  decodeWalRecord,
  decodeWalSnapshot,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeRaftEnvelope,
  encodeSnapshot,
  encodeWalRecord,
  encodeWalSnapshot,
  entrySize,
  messageSize,
  raftRequestField,
  raftpb,
  walRecordSize,
  walpb,
  writeEntry,
  writeMessage,
  writeWalRecordHead,
  type ConfState,
  type Entry,
  type HardState,
  type Message,
  type RaftEnvelope,
  type Snapshot,
  type WalRecord,
  type WalSnapshot,
} from '../src/index.ts';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  confState,
  entry,
  hardState,
  message,
  raftEnvelope,
  snapshot,
  walRecord,
  walSnapshot,
} from './support/arbitraries.ts';
import { loadDescriptors } from './support/descriptors.ts';

/**
 * The raft messages are proto2, of which etcd writes every scalar, zero or not. The generated code cannot write
 * a zero, so that the bytes are compared with those of protobuf-es, which encodes from the descriptors and
 * knows about presence; what the generated code reads from our bytes is compared as well.
 */

type Fields = Record<string, unknown>;

const descriptors = loadDescriptors();

function reference(typeName: string, fields: Fields): Uint8Array {
  const type: DescMessage | undefined = descriptors.getMessage(typeName);
  invariant(type !== undefined, 'the tests name messages of proto/');
  return toBinary(type, create(type, fields));
}

/** A byte field that is left out when empty. */
function optional(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === 0 ? undefined : bytes;
}

function entryFields({ type, term, index, data }: Entry): Fields {
  return { Type: type, Term: BigInt(term), Index: BigInt(index), Data: optional(data) };
}

function hardStateFields({ term, vote, commit }: HardState): Fields {
  return { term: BigInt(term), vote, commit: BigInt(commit) };
}

function snapshotFields({ data, index, term, confState }: Snapshot): Fields {
  return { data: optional(data), metadata: { confState, index: BigInt(index), term: BigInt(term) } };
}

function messageFields(message: Message): Fields {
  return {
    ...message,
    term: BigInt(message.term),
    logTerm: BigInt(message.logTerm),
    index: BigInt(message.index),
    commit: BigInt(message.commit),
    rejectHint: BigInt(message.rejectHint),
    context: optional(message.context),
    entries: message.entries.map(entryFields),
    snapshot: message.snapshot && snapshotFields(message.snapshot),
    responses: message.responses.map(messageFields),
  };
}

function walRecordFields({ type, crc, data }: WalRecord): Fields {
  return { type: BigInt(type), crc, data };
}

function walSnapshotFields({ index, term, confState }: WalSnapshot): Fields {
  return { index: BigInt(index), term: BigInt(term), confState };
}

interface Codec<T> {
  readonly typeName: string;
  readonly arbitrary: fc.Arbitrary<T>;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
  readonly fields: (value: T) => Fields;
  /** Reads our bytes with the generated code and writes them with it again. */
  readonly throughGenerated: (bytes: Uint8Array) => Uint8Array;
}

function codecSuite<T>(codec: Codec<T>): void {
  const { typeName, arbitrary, encode, decode, fields, throughGenerated } = codec;
  describe(typeName, () => {
    test('writes every scalar, in the order of field numbers', () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          expect(encode(value)).toEqual(reference(typeName, fields(value)));
        }),
      );
    });

    test('reads what it wrote', () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          expect(decode(encode(value))).toEqual(value);
        }),
      );
    });

    test('reads the same from the generated code, which leaves zeros out', () => {
      fc.assert(
        fc.property(arbitrary, (value) => {
          expect(decode(throughGenerated(encode(value)))).toEqual(value);
        }),
      );
    });
  });
}

codecSuite<Entry>({
  typeName: 'raftpb.Entry',
  arbitrary: entry,
  encode: encodeEntry,
  decode: decodeEntry,
  fields: entryFields,
  throughGenerated: (bytes) => raftpb.Entry.encode(raftpb.Entry.decode(bytes)).finish(),
});

codecSuite<HardState>({
  typeName: 'raftpb.HardState',
  arbitrary: hardState,
  encode: encodeHardState,
  decode: decodeHardState,
  fields: hardStateFields,
  throughGenerated: (bytes) => raftpb.HardState.encode(raftpb.HardState.decode(bytes)).finish(),
});

codecSuite<ConfState>({
  typeName: 'raftpb.ConfState',
  arbitrary: confState,
  encode: encodeConfState,
  decode: decodeConfState,
  fields: (value) => ({ ...value }),
  throughGenerated: (bytes) => raftpb.ConfState.encode(raftpb.ConfState.decode(bytes)).finish(),
});

codecSuite<Snapshot>({
  typeName: 'raftpb.Snapshot',
  arbitrary: snapshot,
  encode: encodeSnapshot,
  decode: decodeSnapshot,
  fields: snapshotFields,
  throughGenerated: (bytes) => raftpb.Snapshot.encode(raftpb.Snapshot.decode(bytes)).finish(),
});

codecSuite<Message>({
  typeName: 'raftpb.Message',
  arbitrary: message,
  encode: encodeMessage,
  decode: decodeMessage,
  fields: messageFields,
  throughGenerated: (bytes) => raftpb.Message.encode(raftpb.Message.decode(bytes)).finish(),
});

codecSuite<WalRecord>({
  typeName: 'walpb.Record',
  // The generated code does not tell empty data from none.
  arbitrary: walRecord.filter(({ data }) => data?.length !== 0),
  encode: encodeWalRecord,
  decode: decodeWalRecord,
  fields: walRecordFields,
  throughGenerated: (bytes) => walpb.Record.encode(walpb.Record.decode(bytes)).finish(),
});

codecSuite<WalSnapshot>({
  typeName: 'walpb.Snapshot',
  arbitrary: walSnapshot,
  encode: encodeWalSnapshot,
  decode: decodeWalSnapshot,
  fields: walSnapshotFields,
  throughGenerated: (bytes) => walpb.Snapshot.encode(walpb.Snapshot.decode(bytes)).finish(),
});

describe('writing into a batch', () => {
  test('an entry is written at the offset given, and nowhere else', () => {
    fc.assert(
      fc.property(entry, fc.nat(9), (value, offset) => {
        const target = new Uint8Array(offset + entrySize(value) + 5).fill(0xee);
        expect(writeEntry(value, target, offset)).toBe(offset + entrySize(value));
        expect(target.subarray(offset, offset + entrySize(value))).toEqual(encodeEntry(value));
        expect(target.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true);
        expect(target.subarray(-5).every((byte) => byte === 0xee)).toBe(true);
      }),
    );
  });

  test('a message is written at the offset given', () => {
    fc.assert(
      fc.property(message, fc.nat(9), (value, offset) => {
        const target = new Uint8Array(offset + messageSize(value));
        expect(writeMessage(value, target, offset)).toBe(target.length);
        expect(target.subarray(offset)).toEqual(encodeMessage(value));
      }),
    );
  });

  test('a log record can be written around an entry without a copy between', () => {
    fc.assert(
      fc.property(entry, fc.nat(2 ** 32 - 1), (value, crc) => {
        const dataSize = entrySize(value);
        const target = new Uint8Array(walRecordSize(2, crc, dataSize));
        const offset = writeWalRecordHead({ type: 2, crc, dataSize }, target, 0);
        expect(writeEntry(value, target, offset)).toBe(target.length);
        expect(target).toEqual(encodeWalRecord({ type: 2, crc, data: encodeEntry(value) }));
      }),
    );
  });
});

describe('etcdserverpb.InternalRaftRequest', () => {
  /** The bytes of the reference, with the request as an unknown field of that number. */
  function envelopeReference(envelope: RaftEnvelope): Uint8Array {
    const { idHigh, idLow, username, authRevision, requestField, request } = envelope;
    const ID = (BigInt(idHigh) << 32n) | BigInt(idLow);
    const header = reference('etcdserverpb.InternalRaftRequest', {
      header: { ID, username, authRevision: BigInt(authRevision) },
    });
    if (requestField === 0) return header;
    // walpb.Record.data is field 3: its bytes, less its tag, are those of any field of the same content.
    const field = reference('walpb.Record', { data: request }).subarray(1);
    const tag = reference('walpb.Record', { type: BigInt(requestField * 8 + 2) }).subarray(1);
    return Buffer.concat(requestField < 100 ? [tag, field, header] : [header, tag, field]);
  }

  test('writes header and request in the order of field numbers', () => {
    fc.assert(
      fc.property(raftEnvelope, (envelope) => {
        const expected = envelopeReference(envelope);
        expect(Buffer.compare(encodeRaftEnvelope(envelope), expected)).toBe(0);
      }),
    );
  });

  test('reads what it wrote', () => {
    fc.assert(
      fc.property(raftEnvelope, (envelope) => {
        expect(decodeRaftEnvelope(encodeRaftEnvelope(envelope))).toEqual(envelope);
      }),
    );
  });

  test('names every request that the descriptor has, and no other', () => {
    const type = descriptors.getMessage('etcdserverpb.InternalRaftRequest');
    const fields = type?.fields.filter(({ name }) => name !== 'ID' && name !== 'header') ?? [];
    expect({ v2: 2, ...Object.fromEntries(fields.map((field) => [field.localName, field.number])) }).toEqual(
      raftRequestField,
    );
  });
});
