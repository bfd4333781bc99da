import { copyBytes, invariant } from '@quorate/std';
import type { Entry, HardState, WalSnapshot } from '@quorate/wire';
import { DiskError, type Disk } from './disk.ts';
import { noteDoubt, settleDoubts } from './doubt.ts';
import { WalError, WalFailedError, WalTornError } from './errors.ts';
import { FrameWriter } from './frame-writer.ts';
import { LogReader } from './log-reader.ts';
import { repairTail, type Repair } from './repair.ts';
import { MarkCollector, Replay, type LogStart } from './replay.ts';
import { removeIfThere, SegmentFile } from './segment-file.ts';
import { Turns } from './turns.ts';
import { consecutiveTail, segmentName, segmentsFrom, segmentsOf, type SegmentName } from './segment-name.ts';
import type { LogRecord } from './segment-reader.ts';

/** etcd's size of a segment: a save that passes it is the last of its segment. */
export const defaultSegmentSizeBytes = 64_000_000;

/** Files that become the next segment, by turns. What a crash left of them is of no use. */
const preparedNames = ['0.tmp', '1.tmp'] as const;

const noHardState: HardState = { term: 0, vote: 0n, commit: 0 };

/** Where a log lies. */
export interface WalLocation {
  readonly disk: Disk;
  /** The directory of the segments; its parent holds `<dir>.tmp` while a log is made. */
  readonly dir: string;
}

/** What `Wal.create` needs. */
export interface WalCreateOptions extends WalLocation {
  /** Who the log belongs to (etcd: a Metadata message with member and cluster ID); repeated in every segment. */
  readonly metadata: Uint8Array;
  readonly segmentSizeBytes?: number;
  /** What the log begins with, from index 1; there with the log or, after a crash, not at all. */
  readonly initial?: Required<Omit<WalSave, 'sync'>>;
}

/** What `Wal.open` needs. */
export interface WalOpenOptions extends WalLocation {
  /** The snapshot to start from; its mark must be in the log. By default the start of the log. */
  readonly from?: LogStart;
  readonly segmentSizeBytes?: number;
}

/** What was in a log. The data of entries are views into chunks that were read; nobody else writes to them. */
export interface OpenedWal {
  readonly wal: Wal;
  readonly metadata: Uint8Array;
  readonly hardState: HardState;
  /** The raft log behind `from`, without gaps. */
  readonly entries: Entry[];
  /** The mark that was started from. */
  readonly snapshot: WalSnapshot;
  /** What was cut off the end, when a crash had torn it. */
  readonly repaired?: Repair;
}

/** What one turn of raft wants on disk. */
export interface WalSave {
  /** Left out (or all zero) when it has not changed. */
  readonly hardState?: HardState;
  /** Following each other, the first at or below the index behind the last one: from there on they replace. */
  readonly entries: readonly Entry[];
  /** Whether to wait for the disk; a change of the commit index alone need not. */
  readonly sync: boolean;
}

/** Figures for metrics. */
export interface WalStats {
  readonly bytesWritten: number;
  readonly segmentCount: number;
  /** Bytes of records in the last segment. */
  readonly segmentPosition: number;
  readonly cutCount: number;
  /** How often the disk refused to make or to fill a segment ahead. The log works on, with dearer syncs. */
  readonly preallocationFailureCount: number;
}

/** What a log is made of, once its directory stands. */
interface WalState {
  readonly segmentSizeBytes: number;
  readonly metadata: Uint8Array;
  readonly writer: FrameWriter;
  readonly segments: SegmentName[];
  readonly tail: SegmentFile;
  readonly hardState: HardState;
  readonly lastIndex: number;
}

/** A segment made ahead, still under its temporary name. */
interface PreparedSegment {
  readonly path: string;
  readonly file: SegmentFile;
}

/**
 * etcd's write-ahead log, open for appending. Methods that change it run one after the other; the first failure
 * of the disk ends it (see WalFailedError). DESIGN.md has the format and the invariants.
 */
export class Wal implements AsyncDisposable {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #segmentSizeBytes: number;
  readonly #metadata: Uint8Array;
  readonly #writer: FrameWriter;
  readonly #turns = new Turns();
  /** All segments that were not released, oldest first; the last one is `#tail`. */
  readonly #segments: SegmentName[];
  #tail: SegmentFile;
  /** The next segment; undefined inside the promise when it could not be made. */
  #next: Promise<PreparedSegment | undefined> | undefined;
  #preparedCount = 0;
  #hardState: HardState;
  #lastIndex: number;
  #saving = false;
  #failure: WalFailedError | undefined;
  #closing: Promise<void> | undefined;
  #bytesWritten = 0;
  #cutCount = 0;
  #preallocationFailureCount = 0;

  private constructor(location: WalLocation, state: WalState) {
    this.#disk = location.disk;
    this.#dir = location.dir;
    this.#segmentSizeBytes = state.segmentSizeBytes;
    this.#metadata = state.metadata;
    this.#writer = state.writer;
    this.#segments = state.segments;
    this.#tail = state.tail;
    this.#hardState = state.hardState;
    this.#lastIndex = state.lastIndex;
  }

  /** Whether there is a log: a directory with a segment in it. */
  static async exists(disk: Disk, dir: string): Promise<boolean> {
    return segmentsOf(await disk.list(dir)).length > 0;
  }

  /**
   * Makes a log with its initial entries, or none, on disk when it resolves. It is built in `<dir>.tmp` and
   * renamed, so a crash leaves all of it or nothing.
   *
   * @throws WalError WAL_EXISTS when the directory is not empty; DiskError
   */
  static async create(options: WalCreateOptions): Promise<Wal> {
    const { disk, dir, metadata, initial } = options;
    const segmentSizeBytes = options.segmentSizeBytes ?? defaultSegmentSizeBytes;
    invariant(initial?.entries.every(({ index }, at) => index === at + 1) ?? true, 'a log begins at 1');
    if ((await disk.list(dir)).length > 0) throw new WalError('WAL_EXISTS', `${dir} is not empty`);
    const building = `${dir}.tmp`;
    for (const leftover of await disk.list(building)) await disk.remove(`${building}/${leftover}`);
    await disk.makeDir(building);
    const segment = { name: segmentName(0, 0), sequence: 0, index: 0 };
    const tail = await SegmentFile.create(disk, `${building}/${segment.name}`, segmentSizeBytes);
    try {
      const writer = new FrameWriter(0);
      writer.addCrc();
      writer.addMetadata(metadata);
      writer.addSnapshot({ index: 0, term: 0, confState: undefined });
      for (const entry of initial?.entries ?? []) writer.addEntry(entry);
      if (initial !== undefined) writer.addHardState(initial.hardState);
      await tail.append(writer.bytes, { sync: true });
      await disk.syncDir(building);
      await disk.rename(building, dir);
      await disk.syncDir(parentOf(dir));
      const segments = [segment];
      return new Wal(options, {
        segmentSizeBytes,
        metadata: copyBytes(metadata),
        writer,
        segments,
        tail,
        hardState: initial?.hardState ?? noHardState,
        lastIndex: initial?.entries.length ?? 0,
      });
    } catch (error) {
      await tail.close({ sync: false });
      throw error;
    }
  }

  /**
   * Reads everything behind the mark `from`, cuts off what a crash tore, and leaves the log open for appending. What it
   * found is on disk then, also when a disk that failed has left it in the memory of the system alone.
   *
   * @throws WalError WAL_NOT_FOUND where there is no log; WalError, WalCorruptError when the log is not fit to go on with
   *   (nothing was changed then); DiskError
   */
  static async open(options: WalOpenOptions): Promise<OpenedWal> {
    const { disk, dir } = options;
    const start = options.from ?? { index: 0, term: 0 };
    const segmentSizeBytes = options.segmentSizeBytes ?? defaultSegmentSizeBytes;
    const names = await disk.list(dir);
    const segments = segmentsOf(names);
    if (segments.length === 0) throw noLog(dir);
    const needed = segmentsFrom(dir, segments, start.index);
    const tailPath = `${dir}/${needed.at(-1)!.name}`;
    try {
      await settleDoubts(disk, dir, names);
      const { found, end, repaired } = await readOrRepair(options, needed, start);
      for (const name of preparedNames) if (names.includes(name)) await disk.remove(`${dir}/${name}`);
      // A killed process may have renamed without living to sync, and the names we saw are only in memory.
      await disk.syncDir(dir);
      await disk.syncDir(parentOf(dir));
      const extent = { position: end.offset, sizeBytes: Math.max(segmentSizeBytes, end.offset) };
      const wal = new Wal(options, {
        segmentSizeBytes,
        metadata: found.metadata,
        writer: new FrameWriter(end.crc),
        segments: consecutiveTail(segments),
        tail: await SegmentFile.reopen(disk, tailPath, extent),
        hardState: found.hardState,
        lastIndex: found.entries.at(-1)?.index ?? start.index,
      });
      return { wal, ...found, ...(repaired && { repaired }) };
    } catch (error) {
      if (error instanceof DiskError) await noteDoubt(disk, tailPath);
      throw error;
    }
  }

  /**
   * The marks of snapshots that a member may start from, in the order they were written: those at or below the
   * last commit index. Reads the whole log, or with `upTo` only its newest segments, as many as hold such a mark at
   * or below that index; a torn tail is passed over.
   *
   * @throws WalError WAL_NOT_FOUND, WalCorruptError, DiskError
   */
  static async validSnapshots(
    disk: Disk,
    dir: string,
    options: { readonly upTo?: number } = {},
  ): Promise<WalSnapshot[]> {
    const { upTo = -1 } = options;
    const segments = segmentsOf(await disk.list(dir));
    if (segments.length === 0) throw noLog(dir);
    const collector = new MarkCollector();
    for (const segment of consecutiveTail(segments).toReversed()) {
      collector.beginSegmentBefore();
      try {
        for await (const batch of new LogReader(disk, dir, [segment]).batches()) {
          for (const record of batch) collector.add(record);
        }
      } catch (error) {
        // One behind which there is another is read again by whoever needs it, who refuses it then.
        if (!(error instanceof WalTornError)) throw error;
      }
      if (collector.valid().some((mark) => mark.index <= upTo)) break;
    }
    return collector.valid();
  }

  /**
   * All records, for tools: changes nothing and may run beside a writer. With `from`, begins with the segment
   * that a reader behind that index needs.
   *
   * @throws WalError WAL_NOT_FOUND where there is no log; WalError, DiskError; WalTornError or WalCorruptError behind the last good record
   */
  static async *read(options: WalLocation & { readonly from?: LogStart }): AsyncGenerator<LogRecord> {
    const { disk, dir, from } = options;
    const segments = segmentsOf(await disk.list(dir));
    if (segments.length === 0) throw noLog(dir);
    const needed = from === undefined ? consecutiveTail(segments) : segmentsFrom(dir, segments, from.index);
    for await (const batch of new LogReader(disk, dir, needed).batches()) yield* batch;
  }

  /** Index of the last entry, or of the snapshot that replaced the log. */
  get lastIndex(): number {
    return this.#lastIndex;
  }

  /** Figures for metrics. */
  get stats(): WalStats {
    return {
      bytesWritten: this.#bytesWritten,
      segmentCount: this.#segments.length,
      segmentPosition: this.#tail.position,
      cutCount: this.#cutCount,
      preallocationFailureCount: this.#preallocationFailureCount,
    };
  }

  /**
   * Appends entries and hard state: one write and, when `sync`, one sync; resolves after it. The caller waits for
   * one save before the next. The bytes of entries may not change meanwhile.
   *
   * @throws WalFailedError, WalError WAL_CLOSED
   */
  async save(save: WalSave): Promise<void> {
    invariant(!this.#saving, 'one save waits for the one before');
    this.#checkSave(save);
    this.#saving = true;
    try {
      await this.#change(() => this.#save(save));
    } finally {
      this.#saving = false;
    }
  }

  /**
   * Appends the mark of a snapshot, on disk when it resolves. The snapshot itself must be durable before.
   *
   * @throws WalFailedError, WalError WAL_CLOSED
   */
  async saveSnapshot(mark: WalSnapshot): Promise<void> {
    invariant(mark.index > 0 && mark.term > 0, 'a snapshot has an index and a term');
    invariant(mark.confState !== undefined, 'the mark of a snapshot has a conf state');
    await this.#change(async () => {
      this.#writer.clear();
      this.#writer.addSnapshot(mark);
      await this.#append({ sync: true });
      this.#lastIndex = Math.max(this.#lastIndex, mark.index);
    });
  }

  /**
   * Removes segments that a reader starting behind `index` does not need, oldest first, but keeps the newest
   * `keepSegments`. Returns the names removed.
   *
   * @throws WalFailedError, WalError WAL_CLOSED; DiskError when a file cannot be removed, which harms nothing
   */
  async releaseTo(index: number, options: { readonly keepSegments?: number } = {}): Promise<string[]> {
    this.#checkOpen();
    return this.#turns.run(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      const firstNeeded = this.#segments.findLastIndex((segment) => segment.index <= index);
      const count = Math.min(firstNeeded, this.#segments.length - (options.keepSegments ?? 1));
      const released: string[] = [];
      while (released.length < count) {
        // Above the loop's count there is always one more segment.
        const { name } = this.#segments[0]!;
        await this.#disk.remove(`${this.#dir}/${name}`);
        this.#segments.shift();
        released.push(name);
      }
      if (released.length > 0) await this.#disk.syncDir(this.#dir);
      return released;
    });
  }

  /** Puts on disk what was saved without waiting, unless the log has failed, and closes it. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#turns.run(() => this.#close());
    return this.#closing;
  }

  /** Entries must follow each other and what is there; what is written must be readable again. */
  #checkSave({ entries, hardState }: WalSave): void {
    let expected = 0;
    for (const { index, term } of entries) {
      invariant(index === expected || expected === 0, 'entries of a save follow each other');
      invariant(index > 0 && term > 0, 'an entry has an index and a term');
      expected = index + 1;
    }
    const first = entries[0];
    invariant(first === undefined || first.index <= this.#lastIndex + 1, 'entries follow the last one');
    invariant(
      hardState === undefined || hardState.term > 0 || isEmpty(hardState),
      'a hard state with a vote or a commit has a term',
    );
  }

  async #save({ entries, hardState, sync }: WalSave): Promise<void> {
    this.#writer.clear();
    for (const entry of entries) this.#writer.addEntry(entry);
    const changesState = hardState !== undefined && !isEmpty(hardState);
    if (changesState) this.#writer.addHardState(hardState);
    if (this.#writer.size === 0) return;
    await this.#append({ sync });
    if (changesState) this.#hardState = hardState;
    this.#lastIndex = entries.at(-1)?.index ?? this.#lastIndex;
  }

  /** Writes what is framed. A full segment is cut in a turn of its own, for which this caller does not wait. */
  async #append({ sync }: { readonly sync: boolean }): Promise<void> {
    await this.#tail.append(this.#writer.bytes, { sync });
    this.#bytesWritten += this.#writer.size;
    const { position } = this.#tail;
    if (position >= this.#segmentSizeBytes / 2) this.#next ??= this.#prepareNext();
    // Its failure is met by whoever comes next. A log that is being closed is cut when it is used again.
    if (position >= this.#segmentSizeBytes && this.#closing === undefined)
      this.#change(() => this.#cut()).catch(() => undefined);
  }

  async #cut(): Promise<void> {
    // Two appends in a row may have asked for it.
    if (this.#tail.position < this.#segmentSizeBytes) return;
    const next = (await this.#next) ?? (await this.#makeNext());
    this.#next = Promise.resolve(next);
    await this.#tail.seal();
    if (this.#tail.fillFailed) this.#preallocationFailureCount++;
    this.#tail = next.file;
    this.#next = undefined;

    this.#writer.clear();
    this.#writer.addCrc();
    this.#writer.addMetadata(this.#metadata);
    if (!isEmpty(this.#hardState)) this.#writer.addHardState(this.#hardState);
    await this.#tail.append(this.#writer.bytes, { sync: true });
    this.#bytesWritten += this.#writer.size;

    const sequence = this.#segments.at(-1)!.sequence + 1;
    const index = this.#lastIndex + 1;
    const name = segmentName(sequence, index);
    await this.#disk.rename(next.path, `${this.#dir}/${name}`);
    await this.#disk.syncDir(this.#dir);
    this.#segments.push({ name, sequence, index });
    this.#cutCount++;
  }

  /** Makes the next segment while saves go on. */
  async #prepareNext(): Promise<PreparedSegment | undefined> {
    try {
      return await this.#makeNext();
    } catch {
      // The cut tries once more, and its failure counts.
      this.#preallocationFailureCount++;
      return undefined;
    }
  }

  async #makeNext(): Promise<PreparedSegment> {
    const path = `${this.#dir}/${preparedNames[this.#preparedCount++ % 2]}`;
    return { path, file: await SegmentFile.create(this.#disk, path, this.#segmentSizeBytes) };
  }

  /** Runs a change of the log in its turn. Whatever goes wrong in it ends the log. */
  async #change(action: () => Promise<void>): Promise<void> {
    this.#checkOpen();
    return this.#turns.run(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await action();
      } catch (error) {
        this.#failure = new WalFailedError(error, this.#tailPath);
        await noteDoubt(this.#disk, this.#tailPath);
        throw this.#failure;
      }
    });
  }

  /** The last segment, by its present name. */
  get #tailPath(): string {
    return `${this.#dir}/${this.#segments.at(-1)!.name}`;
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new WalError('WAL_CLOSED', `the log in ${this.#dir} is closed`);
  }

  async #close(): Promise<void> {
    const next = await this.#next;
    if (next !== undefined) {
      await next.file.close({ sync: false });
      await removeIfThere(this.#disk, next.path);
    }
    try {
      await this.#tail.close({ sync: this.#failure === undefined });
    } catch (error) {
      await noteDoubt(this.#disk, this.#tailPath);
      throw error;
    }
  }
}

/** Reads the log; when its end is torn, repairs it and reads it once more. */
async function readOrRepair(location: WalLocation, segments: readonly SegmentName[], start: LogStart) {
  try {
    return { ...(await readAll(location, segments, start)), repaired: undefined };
  } catch (error) {
    if (!(error instanceof WalTornError)) throw error;
    const repaired = await repairTail(location.disk, location.dir, error);
    return { ...(await readAll(location, segments, start)), repaired };
  }
}

async function readAll({ disk, dir }: WalLocation, segments: readonly SegmentName[], start: LogStart) {
  const replay = new Replay(dir, start);
  const reader = new LogReader(disk, dir, segments);
  for await (const batch of reader.batches()) for (const record of batch) replay.add(record);
  return { found: replay.finish(), end: reader.end };
}

function noLog(dir: string): WalError {
  return new WalError(
    'WAL_NOT_FOUND',
    `${dir} has no log: no file in it is a segment (*.wal). Wal.create makes a new log, Wal.exists says whether there is one`,
  );
}

function isEmpty({ term, vote, commit }: HardState): boolean {
  return term === 0 && vote === 0n && commit === 0;
}

function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) || '/' : '.';
}
