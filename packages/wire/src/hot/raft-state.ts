import { emptyBytes } from '@quorate/std';
import { bigVarintSize, varintSize } from './varint.ts';
import { WireReader } from './reader.ts';
import type { ConfState, HardState, Snapshot } from './types.ts';
import {
  allocate,
  bytesFieldSize,
  sealed,
  splicedSize,
  writeBytesField,
  writeCount,
  writeFlag,
  writeHead,
  writeId,
} from './writer.ts';

/**
 * HardState, ConfState and Snapshot. In these proto2 messages etcd up to 3.6 writes every scalar, zero or not,
 * and every message that Go holds by value; so do we. Later versions leave unset ones out; readers take both.
 */

const termTag = 0x08;
const voteTag = 0x10;
const commitTag = 0x18;
const hardStateLastField = 3;

const votersField = 1;
const learnersField = 2;
const votersOutgoingField = 3;
const learnersNextField = 4;
const autoLeaveTag = 0x28;
const confStateLastField = 5;

const dataTag = 0x0a;
const metadataTag = 0x12;
const snapshotLastField = 2;

const metadataConfStateTag = 0x0a;
const metadataIndexTag = 0x10;
const metadataTermTag = 0x18;
const metadataLastField = 3;

/** The bytes of a raftpb.HardState. */
export function encodeHardState(state: HardState): Uint8Array {
  const size = 3 + varintSize(state.term) + bigVarintSize(state.vote) + varintSize(state.commit);
  const target = allocate(size);
  let offset = writeCount(termTag, state.term, target, 0);
  offset = writeId(voteTag, state.vote, target, offset);
  offset = writeCount(commitTag, state.commit, target, offset);
  return sealed(target, offset);
}

/** Opens a raftpb.HardState. @throws WireError */
export function decodeHardState(bytes: Uint8Array, start?: number, endExclusive?: number): HardState {
  const reader = new WireReader(bytes, start, endExclusive);
  const state: HardState = { term: 0, vote: 0n, commit: 0 };
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case termTag:
        state.term = reader.count();
        break;
      case voteTag:
        state.vote = reader.unsignedId();
        break;
      case commitTag:
        state.commit = reader.count();
        break;
      default:
        reader.skip(tag, hardStateLastField);
    }
  }
  return state;
}

/** The bytes of a raftpb.ConfState; lists are written unpacked, one tag an ID. */
export function encodeConfState(state: ConfState): Uint8Array {
  const target = allocate(confStateSize(state));
  return sealed(target, writeConfState(state, target, 0));
}

/** Opens a raftpb.ConfState; lists may be packed or not. @throws WireError */
export function decodeConfState(bytes: Uint8Array, start?: number, endExclusive?: number): ConfState {
  return mergeConfState(new WireReader(bytes, start, endExclusive), newConfState());
}

/** A ConfState of nobody. */
export function newConfState(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** How many bytes `writeConfState` writes. */
export function confStateSize(state: ConfState): number {
  return (
    idsSize(state.voters) +
    idsSize(state.learners) +
    idsSize(state.votersOutgoing) +
    idsSize(state.learnersNext) +
    2
  );
}

/** Writes a ConfState; returns the offset behind it. */
export function writeConfState(state: ConfState, target: Uint8Array, start: number): number {
  let offset = writeIds(votersField, state.voters, target, start);
  offset = writeIds(learnersField, state.learners, target, offset);
  offset = writeIds(votersOutgoingField, state.votersOutgoing, target, offset);
  offset = writeIds(learnersNextField, state.learnersNext, target, offset);
  return writeFlag(autoLeaveTag, state.autoLeave, target, offset);
}

/** Reads the ConfState that was entered into `state`. */
export function mergeConfState(reader: WireReader, state: ConfState): ConfState {
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag >>> 3) {
      case votersField:
        readIds(reader, tag, state.voters);
        break;
      case learnersField:
        readIds(reader, tag, state.learners);
        break;
      case votersOutgoingField:
        readIds(reader, tag, state.votersOutgoing);
        break;
      case learnersNextField:
        readIds(reader, tag, state.learnersNext);
        break;
      default:
        if (tag === autoLeaveTag) state.autoLeave = reader.flag();
        else reader.skip(tag, confStateLastField);
    }
  }
  return state;
}

function idsSize(ids: readonly bigint[]): number {
  let size = ids.length;
  for (const id of ids) size += bigVarintSize(id);
  return size;
}

function writeIds(field: number, ids: readonly bigint[], target: Uint8Array, start: number): number {
  let offset = start;
  for (const id of ids) offset = writeId(field << 3, id, target, offset);
  return offset;
}

/** Reads one ID of an unpacked list, or all of a packed one. */
function readIds(reader: WireReader, tag: number, ids: bigint[]): void {
  switch (tag & 7) {
    case 0:
      ids.push(reader.unsignedId());
      return;
    case 2: {
      const outerEnd = reader.enter();
      while (reader.hasMore) ids.push(reader.unsignedId());
      reader.leave(outerEnd);
      return;
    }
    default:
      reader.skip(tag, confStateLastField);
  }
}

/** The bytes of a raftpb.Snapshot. */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const target = allocate(snapshotSize(snapshot));
  return sealed(target, writeSnapshot(snapshot, target, 0));
}

/** Opens a raftpb.Snapshot; its data is a view. @throws WireError */
export function decodeSnapshot(bytes: Uint8Array, start?: number, endExclusive?: number): Snapshot {
  return mergeSnapshot(new WireReader(bytes, start, endExclusive), newSnapshot());
}

/** A snapshot of nothing. */
export function newSnapshot(): Snapshot {
  return { data: emptyBytes, index: 0, term: 0, confState: newConfState() };
}

/** How many bytes `writeSnapshot` writes. */
export function snapshotSize(snapshot: Snapshot): number {
  return bytesFieldSize(snapshot.data) + splicedSize(metadataSize(snapshot));
}

/** Writes a Snapshot; returns the offset behind it. */
export function writeSnapshot(snapshot: Snapshot, target: Uint8Array, start: number): number {
  let offset = writeBytesField(dataTag, snapshot.data, target, start);
  offset = writeHead(metadataTag, metadataSize(snapshot), target, offset);
  offset = writeHead(metadataConfStateTag, confStateSize(snapshot.confState), target, offset);
  offset = writeConfState(snapshot.confState, target, offset);
  offset = writeCount(metadataIndexTag, snapshot.index, target, offset);
  return writeCount(metadataTermTag, snapshot.term, target, offset);
}

function metadataSize({ index, term, confState }: Snapshot): number {
  return splicedSize(confStateSize(confState)) + 2 + varintSize(index) + varintSize(term);
}

/** Reads the Snapshot that was entered into `snapshot`. */
export function mergeSnapshot(reader: WireReader, snapshot: Snapshot): Snapshot {
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case dataTag:
        snapshot.data = reader.bytesView();
        break;
      case metadataTag: {
        const outerEnd = reader.enter();
        mergeMetadata(reader, snapshot);
        reader.leave(outerEnd);
        break;
      }
      default:
        reader.skip(tag, snapshotLastField);
    }
  }
  return snapshot;
}

function mergeMetadata(reader: WireReader, snapshot: Snapshot): void {
  while (reader.hasMore) {
    const tag = reader.tag();
    switch (tag) {
      case metadataConfStateTag: {
        const outerEnd = reader.enter();
        mergeConfState(reader, snapshot.confState);
        reader.leave(outerEnd);
        break;
      }
      case metadataIndexTag:
        snapshot.index = reader.count();
        break;
      case metadataTermTag:
        snapshot.term = reader.count();
        break;
      default:
        reader.skip(tag, metadataLastField);
    }
  }
}
