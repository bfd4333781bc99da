import { copyBytes, equalBytes, unreachable } from '@quorate/std';
import {
  decodeEntry,
  decodeHardState,
  decodeWalSnapshot,
  WireError,
  type Entry,
  type HardState,
  type WalSnapshot,
} from '@quorate/wire';
import { WalCorruptError, WalError } from './errors.ts';
import { recordType } from './frame.ts';
import type { LogRecord } from './segment-reader.ts';

/** A place in the raft log where a reader starts: what a snapshot holds. {0, 0} is the start of all. */
export interface LogStart {
  readonly index: number;
  readonly term: number;
}

type Decoded =
  | { readonly kind: 'metadata' }
  | { readonly kind: 'crc' }
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'state'; readonly state: HardState }
  | { readonly kind: 'snapshot'; readonly mark: WalSnapshot };

/**
 * Rebuilds from the records, in their order, what a member knew: the metadata, the last HardState, and the raft
 * log behind `start`.
 *
 * Invariant: entries[i].index === start.index + 1 + i
 */
export class Replay {
  readonly #dir: string;
  readonly #start: LogStart;
  readonly #entries: Entry[] = [];
  #metadata: Uint8Array | undefined;
  #hardState: HardState = { term: 0, vote: 0n, commit: 0 };
  #mark: WalSnapshot | undefined;
  /** Term of the log's entry at `start.index`, when one was read and not cut off again. */
  #termAtStart: number | undefined;

  constructor(dir: string, start: LogStart) {
    this.#dir = dir;
    this.#start = start;
  }

  /** Takes one record. @throws WalCorruptError, WalError */
  add(record: LogRecord): void {
    const decoded = this.#decode(record);
    switch (decoded.kind) {
      case 'metadata':
        this.#addMetadata(record);
        break;
      case 'entry':
        this.#addEntry(decoded.entry, record);
        break;
      case 'state':
        this.#hardState = decoded.state;
        break;
      case 'snapshot':
        this.#addMark(decoded.mark);
        break;
      case 'crc':
        break;
      default:
        unreachable(decoded);
    }
  }

  /** What was found. @throws WalError WAL_SNAPSHOT_NOT_FOUND when the mark to start from was not among it. */
  finish(): { metadata: Uint8Array; hardState: HardState; entries: Entry[]; snapshot: WalSnapshot } {
    const { index, term } = this.#start;
    if (this.#mark === undefined) {
      throw new WalError(
        'WAL_SNAPSHOT_NOT_FOUND',
        `wal: snapshot not found: ${this.#dir} has no mark of a snapshot at index ${index}, term ${term}`,
      );
    }
    return {
      // A mark is never the first record: a segment begins with the metadata.
      metadata: this.#metadata!,
      hardState: this.#hardState,
      entries: this.#entries,
      snapshot: this.#mark,
    };
  }

  #decode(record: LogRecord): Decoded {
    try {
      switch (record.type) {
        case recordType.metadata:
          return { kind: 'metadata' };
        case recordType.entry:
          return { kind: 'entry', entry: decodeEntry(record.data) };
        case recordType.state:
          return { kind: 'state', state: readHardState(record) };
        case recordType.snapshot:
          return { kind: 'snapshot', mark: decodeWalSnapshot(record.data) };
        default:
          return { kind: 'crc' };
      }
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw corrupt(record, `the message in it is malformed: ${error.message}`);
    }
  }

  #addMetadata(record: LogRecord): void {
    if (this.#metadata === undefined) {
      this.#metadata = copyBytes(record.data);
    } else if (!equalBytes(this.#metadata, record.data)) {
      throw new WalError(
        'WAL_METADATA_CONFLICT',
        `${record.segment} in ${this.#dir} has other metadata than the segment before: it belongs to another member`,
      );
    }
  }

  /** An entry follows the last one, or replaces it and all behind it. */
  #addEntry(entry: Entry, record: LogRecord): void {
    const { index, term } = entry;
    const problem = implausible(entry);
    if (problem !== undefined) throw corrupt(record, problem);
    if (index <= this.#start.index) {
      // Before our start, but it also cuts off what was read behind it.
      this.#entries.length = 0;
      this.#termAtStart = index === this.#start.index ? term : undefined;
      return;
    }
    const position = index - this.#start.index - 1;
    if (position > this.#entries.length) {
      throw new WalError(
        'WAL_ENTRY_GAP',
        `${record.segment} in ${this.#dir} has entry ${index} where ${this.#start.index + this.#entries.length + 1} must follow`,
      );
    }
    if (position > 0 && term < this.#entries[position - 1]!.term) {
      throw corrupt(record, 'the term of an entry is below that of the entry before it');
    }
    this.#entries.length = position;
    this.#entries.push(entry);
  }

  #addMark(mark: WalSnapshot): void {
    const { index, term } = this.#start;
    if (mark.index !== index) return;
    if (mark.term !== term) {
      throw new WalError(
        'WAL_SNAPSHOT_MISMATCH',
        `wal: snapshot mismatch: the mark at index ${index} in ${this.#dir} has term ${mark.term}, not ${term}`,
      );
    }
    this.#mark = mark;
    // A snapshot of our own log leaves the entries behind it standing. One that a leader sent has replaced a log
    // that did not match it: what was read behind it is gone. (etcd keeps it here, and may then count entries
    // of a term before the snapshot's as the end of its log.)
    if (index > 0 && this.#termAtStart !== term) this.#entries.length = 0;
  }
}

/** The marks of snapshots and the last HardState, for choosing where to start. Segments come newest first. */
export class MarkCollector {
  /** Of the segment being read, and of those behind it. */
  #marks: WalSnapshot[] = [];
  #marksBehind: readonly WalSnapshot[] = [];
  #commit: number | undefined;
  #commitBehind: number | undefined;

  /** The records to come are of the segment before those that were added. */
  beginSegmentBefore(): void {
    this.#marksBehind = [...this.#marks, ...this.#marksBehind];
    this.#commitBehind ??= this.#commit;
    this.#marks = [];
    this.#commit = undefined;
  }

  /** Takes one record. @throws WalCorruptError */
  add(record: LogRecord): void {
    try {
      if (record.type === recordType.snapshot) this.#marks.push(decodeWalSnapshot(record.data));
      else if (record.type === recordType.state) this.#commit = readHardState(record).commit;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw corrupt(record, `the message in it is malformed: ${error.message}`);
    }
  }

  /** Marks that are committed, in the order of the log. One beyond was written just before a crash. */
  valid(): WalSnapshot[] {
    const commit = this.#commitBehind ?? this.#commit ?? 0;
    return [...this.#marks, ...this.#marksBehind].filter((mark) => mark.index <= commit);
  }
}

/**
 * The type of a record is not under its checksum. A hard state that is taken for an entry gives itself away by
 * a vote (a member ID) as its term, or by being a configuration change without one.
 */
function implausible({ term, index, type, data }: Entry): string | undefined {
  if (term === 0 || index === 0) return 'an entry has no term or no index';
  if (term === Number.MAX_SAFE_INTEGER || index === Number.MAX_SAFE_INTEGER) {
    return 'an entry has an impossible term or index';
  }
  // An empty change of version 2 is one: it leaves a joint configuration.
  if (type === 1 && data.length === 0) return 'a configuration change is empty';
  return undefined;
}

/** For the same reason: no member votes or commits anything in term 0. */
function readHardState(record: LogRecord): HardState {
  const state = decodeHardState(record.data);
  if (state.term === 0) throw corrupt(record, 'a hard state has no term');
  if (state.term === Number.MAX_SAFE_INTEGER) throw corrupt(record, 'a hard state has an impossible term');
  return state;
}

function corrupt(record: LogRecord, problem: string): WalCorruptError {
  return new WalCorruptError(record.segment, record.offset, problem);
}
