import { BoltError, BoltFile } from '@quorate/bolt';
import { metaKeys, readPosition, type LevelBackend } from '@quorate/replica';
import { buckets, equalBytes, uint64FromBytes } from '@quorate/std';
import { NodeDisk } from '@quorate/wal';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkState } from '../check-state.ts';
import { DataDirError, reasonOf } from '../errors.ts';
import { offlineDataOf, type OfflineData } from '../offline-data.ts';
import { openStoreOffline } from '../open-store.ts';
import type { StoreFacts, StoreProblem } from './facts.ts';
import { ShadowStore } from './shadow-store.ts';

/** What is known of a store before it is read. */
type Unread = Omit<StoreFacts, 'kind' | 'sizeBytes'>;
const unread: Unread = {
  problem: undefined,
  position: undefined,
  rowCount: 0,
  alarmCount: 0,
  freeBytes: 0,
};

/** Reads every row of a store of this program that nobody has open, and changes nothing in its directory. */
export async function examineStore(storeDir: string): Promise<StoreFacts> {
  const found = { kind: 'quorate', sizeBytes: await directoryBytes(storeDir) } as const;
  let shadow: ShadowStore;
  try {
    shadow = await ShadowStore.make(storeDir);
  } catch (error) {
    const text = `no copy of its newest part could be made to read: ${reasonOf(error)}`;
    return { ...found, ...unread, problem: { kind: 'unchecked', text } };
  }
  await using copy = shadow;
  try {
    const backend = await openStoreOffline(copy.dir);
    await using data = offlineDataOf(backend);
    return { ...found, ...(await readBackend(backend, data)) };
  } catch (error) {
    return { ...found, ...unread, problem: damage(error) };
  }
}

/** Reads every page of the database of an etcd that nobody has open, and changes nothing. */
export async function examineDatabase(path: string): Promise<StoreFacts> {
  const file = await new NodeDisk().open(path, 'read').catch((error: unknown) => reasonOf(error));
  if (typeof file === 'string') {
    const problem: StoreProblem = { kind: 'unchecked', text: file };
    return { kind: 'etcd', sizeBytes: 0, ...unread, problem };
  }
  try {
    const found = { kind: 'etcd', sizeBytes: await file.size() } as const;
    try {
      return { ...found, ...(await readDatabase(await BoltFile.open(file))) };
    } catch (error) {
      if (!(error instanceof BoltError)) throw error;
      return { ...found, ...unread, problem: damage(error) };
    }
  } finally {
    await file.close();
  }
}

async function readBackend(backend: LevelBackend, data: OfflineData): Promise<Unread> {
  const position = readPosition(backend);
  let [rowCount, alarmCount] = [0, 0];
  try {
    for (const bucket of buckets) {
      for await (const rows of data.rows(bucket)) {
        rowCount += rows.length;
        if (bucket === 'alarm') alarmCount += rows.length;
      }
    }
    await checkState(backend);
    return { ...unread, position, rowCount, alarmCount };
  } catch (error) {
    return { ...unread, position, rowCount, alarmCount, problem: damage(error) };
  }
}

async function readDatabase(file: BoltFile): Promise<Unread> {
  const { rowCount, freePageCount } = await file.check();
  let alarmCount = 0;
  for await (const rows of file.rows('alarm')) alarmCount += rows.length;
  const position = await positionIn(file);
  const problem: StoreProblem | undefined =
    position === undefined
      ? { kind: 'damaged', text: 'it does not say which entry of the log it stands for' }
      : undefined;
  return {
    ...{ problem, position, rowCount, alarmCount },
    freeBytes: freePageCount * file.pageSizeBytes,
  };
}

async function positionIn(file: BoltFile): Promise<StoreFacts['position']> {
  let [index, term] = [-1, 0];
  for await (const rows of file.rows('meta')) {
    for (const [key, value] of rows) {
      if (value.length < 8) continue;
      if (equalBytes(key, metaKeys.consistentIndex)) index = Number(uint64FromBytes(value));
      if (equalBytes(key, metaKeys.term)) term = Number(uint64FromBytes(value));
    }
  }
  return index < 0 ? undefined : { index, term };
}

/** What went wrong while a store was read. The paths of its copy say nothing to anybody. */
function damage(error: unknown): StoreProblem {
  let cause = error;
  if (error instanceof DataDirError && error.cause !== undefined) cause = error.cause;
  while (cause instanceof Error && cause.cause instanceof Error) cause = cause.cause;
  const text = reasonOf(cause).replaceAll(/\S*quorate-examine-\S*\/member\/store\/?/g, '');
  return { kind: 'damaged', text };
}

async function directoryBytes(dir: string): Promise<number> {
  const names = await readdir(dir);
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}
