import { BoltError, BoltFile, type BoltSource } from '@quorate/bolt';
import { DamagedRowError } from '@quorate/mvcc';
import {
  invariant,
  toUtf8,
  uint64FromBytes,
  type Backend,
  type BucketChange,
  type StagedBackend,
} from '@quorate/std';
import type { Disk, DiskFile } from '@quorate/wal';
import type { Message, Snapshot } from '@quorate/wire';
import type { MemberState } from './applier.ts';
import { metaKeys } from './backend-writer.ts';
import { ReplicaError } from './errors.ts';
import { importStore, positionChanges } from './store-import.ts';

export interface SnapshotReceiverOptions {
  readonly disk: Disk;
  /** Where the file lies while it comes in. */
  readonly dir: string;
  readonly backend: Backend;
  /** Opens the state that a store holds. */
  readonly openState: (stage: StagedBackend) => Promise<MemberState>;
  /** Hands the message to raft; says whether raft took the snapshot. */
  readonly step: (message: Message) => boolean;
}

/** A store that came in whole, checked and staged: one step from being this member's. */
interface Received {
  readonly snapshot: Snapshot;
  readonly stage: StagedBackend;
  readonly state: MemberState;
}

const temporaryName = /^tmp\d+\.snap\.db$/;

/**
 * Takes in a store that the leader sends: into a file first, then checked in every page, then staged beside the
 * present store, and only then told to raft. Until raft's Ready installs it the member goes on with what it
 * has; whatever fails on the way leaves nothing behind.
 */
export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  #isBusy = false;
  #received: Received | undefined;
  #fileCount = 0;
  readonly #closing = new AbortController();
  #receiving: Promise<void> = Promise.resolve();

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  /** Removes what a crash has left of files. */
  async open(): Promise<void> {
    const { disk, dir } = this.#options;
    await disk.makeDir(dir);
    for (const name of await disk.list(dir)) {
      if (temporaryName.test(name)) await disk.remove(`${dir}/${name}`);
    }
  }

  /** @throws ReplicaError REPLICA_BAD_SNAPSHOT when it is damaged, does not fit or is not wanted; DiskError */
  async receive(message: Message, db: AsyncIterable<Uint8Array>): Promise<void> {
    const { snapshot } = message;
    if (snapshot === undefined || snapshot.index === 0) throw badSnapshot('the message has no snapshot');
    if (this.#isBusy) throw badSnapshot('another one is being received');
    this.#checkOpen();
    this.#isBusy = true;
    const receiving = this.#receive(message, snapshot, db);
    this.#receiving = receiving.catch(() => {}); // The caller has the error.
    return receiving;
  }

  /** Gives up what is coming in; resolves when nothing more is done about it. What raft was told of stays. */
  close(): Promise<void> {
    this.#closing.abort();
    return this.#receiving;
  }

  async #receive(message: Message, snapshot: Snapshot, db: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      await this.#store(snapshot, db);
      this.#checkOpen();
      if (!this.#options.step(message)) await this.#discard();
    } catch (error) {
      await this.#discard();
      throw error;
    } finally {
      this.#isBusy = this.#received !== undefined;
    }
  }

  #checkOpen(): void {
    if (this.#closing.signal.aborted) throw new ReplicaError('REPLICA_STOPPED');
  }

  /** See `SnapshotInstaller`. */
  async seal({ index }: Snapshot): Promise<void> {
    invariant(this.#received?.snapshot.index === index, 'raft installs the snapshot that was received');
    await this.#received.stage.seal();
  }

  /** The state that the received store holds. It reads from the stage, whether that is installed or not. */
  stateOf({ index }: Snapshot): MemberState {
    invariant(this.#received?.snapshot.index === index, 'raft installs the snapshot that was received');
    return this.#received.state;
  }

  /** Makes the received store the backend's. */
  async install({ index }: Snapshot): Promise<void> {
    const received = this.#received;
    invariant(received?.snapshot.index === index, 'raft installs the snapshot that was received');
    await received.stage.install();
    this.#received = undefined;
    this.#isBusy = false;
  }

  async #store(snapshot: Snapshot, db: AsyncIterable<Uint8Array>): Promise<void> {
    const { disk, dir } = this.#options;
    const path = `${dir}/tmp${++this.#fileCount}.snap.db`;
    const file = await disk.open(path, 'create');
    try {
      await writeAll(file, untilAborted(db, this.#closing.signal));
      this.#received = await this.#stageFile(file, snapshot);
    } catch (error) {
      const isDamaged = error instanceof BoltError || error instanceof DamagedRowError;
      throw isDamaged ? badSnapshot(error.message, error) : error;
    } finally {
      await file.close();
      await disk.remove(path);
    }
  }

  /** The store in the file, when it is whole, sound, and of the entry that the message speaks of. */
  async #stageFile(source: BoltSource, snapshot: Snapshot): Promise<Received> {
    const bolt = await BoltFile.open(source);
    await bolt.check();
    const index = await consistentIndexOf(bolt);
    // With less, the entries between would never be applied here; with more, some would be applied twice.
    if (index !== snapshot.index) {
      throw badSnapshot(`the store holds entries up to ${index}, the message says ${snapshot.index}`);
    }
    const stage = await this.#options.backend.stage();
    try {
      await this.#fill(stage, bolt, snapshot);
      return { snapshot, stage, state: await this.#options.openState(stage) };
    } catch (error) {
      await stage.discard();
      throw error;
    }
  }

  async #fill(stage: StagedBackend, bolt: BoltFile, snapshot: Snapshot): Promise<void> {
    const write = (changes: readonly BucketChange[]): Promise<void> => {
      this.#checkOpen();
      return stage.write(changes);
    };
    await importStore((bucket) => bolt.rows(bucket), write);
    await write(positionChanges(snapshot));
  }

  async #discard(): Promise<void> {
    const received = this.#received;
    this.#received = undefined;
    await received?.stage.discard();
  }
}

/** What is written at once; as much again may come in meanwhile. */
const writeBytes = 1024 * 1024;

async function writeAll(file: DiskFile, db: AsyncIterable<Uint8Array>): Promise<void> {
  let [offset, size] = [0, 0];
  let parts: Uint8Array[] = [];
  let writing: Promise<void> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await writing;
    writing = file.write(offset, Buffer.concat(parts, size));
    writing.catch(() => {}); // It is awaited, but perhaps not at once.
    offset += size;
    [parts, size] = [[], 0];
  };
  try {
    for await (const chunk of db) {
      parts.push(chunk);
      size += chunk.length;
      if (size >= writeBytes) await flush();
    }
    if (size > 0) await flush();
  } finally {
    await writing; // The caller closes the file.
  }
  await file.sync();
}

/** The chunks, until the signal is aborted: then nobody waits for the next one. */
async function* untilAborted(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const aborted = Promise.withResolvers<never>();
  aborted.promise.catch(() => {});
  const onAbort = (): void => aborted.reject(new ReplicaError('REPLICA_STOPPED'));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted.promise]);
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener('abort', onAbort);
    iterator.return?.().catch(() => {}); // Not waited for: the sender may say nothing any more.
  }
}

async function consistentIndexOf(bolt: BoltFile): Promise<number> {
  for await (const rows of bolt.rows('meta')) {
    for (const [key, value] of rows) {
      if (toUtf8(key) === toUtf8(metaKeys.consistentIndex)) return Number(uint64FromBytes(value));
    }
  }
  return 0;
}

function badSnapshot(detail: string, cause?: unknown): ReplicaError {
  return new ReplicaError('REPLICA_BAD_SNAPSHOT', { detail, ...(cause !== undefined && { cause }) });
}
