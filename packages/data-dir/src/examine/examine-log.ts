import { equalBytes } from '@quorate/std';
import {
  decodeSnapFile,
  NodeDisk,
  parseSegmentName,
  recordType,
  SnapFileError,
  Wal,
  WalCorruptError,
  WalTornError,
  type LogRecord,
} from '@quorate/wal';
import { decodeEntry, decodeHardState, decodeWalSnapshot, etcdserverpb, WireError } from '@quorate/wire';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../errors.ts';
import type { LogFacts, LogProblem, SegmentFacts, SnapFileFacts } from './facts.ts';

/**
 * Reads a log from its first segment to its end, and changes nothing; undefined where there is none. What is found behind
 * damage does not count. With `isInUse`, the last segment is not judged: a member may be writing it.
 */
export async function examineLog(
  walDir: string,
  { isInUse }: { readonly isInUse: boolean },
): Promise<LogFacts | undefined> {
  const disk = new NodeDisk();
  const segments = await segmentsIn(disk, walDir);
  const last = segments.at(-1);
  if (last === undefined) return undefined;
  const reader = new LogExaminer();
  let problem = missingSegment(segments);
  try {
    for await (const record of Wal.read({ disk, dir: walDir })) reader.add(record);
  } catch (error) {
    problem = problemOf(error);
    if (isInUse && isAbout(error, last.name)) problem = undefined;
  }
  return {
    segments,
    problem,
    isEndUnsure: isInUse,
    ...reader.found,
  };
}

/** Reads the files of snapshots, and changes nothing. */
export async function examineSnapFiles(snapDir: string): Promise<SnapFileFacts[]> {
  const files: SnapFileFacts[] = [];
  for (const name of await new NodeDisk().list(snapDir)) {
    const [, term, index] = /^([0-9a-f]{16})-([0-9a-f]{16})\.snap$/.exec(name) ?? [];
    if (term === undefined || index === undefined) continue;
    const place = { term: Number(`0x${term}`), index: Number(`0x${index}`) };
    files.push({ name, ...place, problem: await snapProblem(join(snapDir, name)) });
  }
  return files.sort((a, b) => a.index - b.index);
}

async function snapProblem(path: string): Promise<string | undefined> {
  try {
    decodeSnapFile(await readFile(path), path);
    return undefined;
  } catch (error) {
    return error instanceof SnapFileError ? error.message : `${path} cannot be read: ${reasonOf(error)}`;
  }
}

async function segmentsIn(disk: NodeDisk, walDir: string): Promise<SegmentFacts[]> {
  const names = (await disk.list(walDir)).filter((name) => parseSegmentName(name) !== undefined);
  return Promise.all(
    names.map(async (name) => {
      const { size, blocks } = await stat(join(walDir, name));
      return { name, sizeBytes: size, allocatedBytes: blocks * 512 };
    }),
  );
}

/** A hole in the middle; that the first ones are gone is as it should be. */
function missingSegment(segments: readonly SegmentFacts[]): LogProblem | undefined {
  const numbers = segments.map(({ name }) => parseSegmentName(name)?.sequence ?? 0);
  for (const [at, sequence] of numbers.entries()) {
    const before = numbers[at - 1];
    if (before === undefined || before + 1 === sequence) continue;
    return { kind: 'gap', text: `the segment with sequence number ${before + 1} is missing` };
  }
  return undefined;
}

/** What records say together that each of them does not. */
class ConflictError extends Error {
  override readonly name = 'ConflictError';
  readonly kind: LogProblem['kind'];

  constructor(kind: LogProblem['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

function problemOf(error: unknown): LogProblem {
  const text = reasonOf(error);
  if (error instanceof ConflictError) return { kind: error.kind, text };
  if (error instanceof WalTornError) return { kind: 'torn', text };
  if (error instanceof WalCorruptError) return { kind: 'damaged', text };
  return { kind: 'unreadable', text };
}

function isAbout(error: unknown, segment: string): boolean {
  if (!(error instanceof WalTornError || error instanceof WalCorruptError)) return false;
  return error.file.endsWith(segment);
}

/** Gathers what a log says, and sees to it that its records go together. */
class LogExaminer {
  #metadata: Uint8Array | undefined;
  #owner: LogFacts['owner'];
  #hardState: LogFacts['hardState'] = { term: 0, vote: 0n, commit: 0 };
  #lastIndex: number | undefined;
  readonly #marks: { readonly index: number; readonly term: number }[] = [];

  get found(): Pick<LogFacts, 'owner' | 'hardState' | 'lastIndex' | 'marks'> {
    const marks = this.#marks.filter(({ index }) => index <= this.#hardState.commit);
    return {
      owner: this.#owner,
      hardState: this.#hardState,
      lastIndex: this.#lastIndex ?? 0,
      marks,
    };
  }

  /** @throws ConflictError, WalCorruptError */
  add(record: LogRecord): void {
    try {
      this.#add(record);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw new WalCorruptError(record.segment, record.offset, error.message);
    }
  }

  #add({ type, data, segment }: LogRecord): void {
    switch (type) {
      case recordType.metadata:
        this.#addMetadata(data, segment);
        return;
      case recordType.entry:
        this.#addEntry(decodeEntry(data).index, segment);
        return;
      case recordType.state:
        this.#hardState = decodeHardState(data);
        return;
      case recordType.snapshot: {
        const { index, term } = decodeWalSnapshot(data);
        this.#marks.push({ index, term });
        // One beyond the log is a leader's, and has replaced it.
        if (index > (this.#lastIndex ?? -1)) this.#lastIndex = index;
      }
    }
  }

  #addMetadata(data: Uint8Array, segment: string): void {
    if (this.#metadata !== undefined && !equalBytes(this.#metadata, data))
      throw new ConflictError('conflict', `${segment} belongs to another member than the segment before it`);
    this.#metadata = data.slice();
    const { NodeID = 0n, ClusterID = 0n } = etcdserverpb.Metadata.decode(data);
    this.#owner = { memberId: NodeID, clusterId: ClusterID };
  }

  #addEntry(index: number, segment: string): void {
    // Where the first segments are released, the log begins anywhere.
    const expected = this.#lastIndex === undefined ? index : this.#lastIndex + 1;
    if (index > expected)
      throw new ConflictError('gap', `${segment} has entry ${index} where ${expected} must follow`);
    this.#lastIndex = index;
  }
}
