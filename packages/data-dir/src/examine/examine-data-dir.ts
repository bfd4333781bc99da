import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { exists, layoutOf, type Layout } from '../layout.ts';
import { reasonOf } from '../errors.ts';
import { rewritePaths } from '../store-swap.ts';
import { examineLog, examineSnapFiles } from './examine-log.ts';
import { examineLeftovers, examinePlaces, examineVolumes } from './examine-places.ts';
import { examineDatabase, examineStore } from './examine-store.ts';
import type { DataDirFacts, StoreFacts, UseFacts } from './facts.ts';
import { lockHolder } from './lock-holder.ts';

/**
 * Looks at a data directory of Quorate or of etcd, from its permissions to each row of its store, and changes nothing in it:
 * no lock is taken, no repair is done, nothing is finished that was interrupted. It reads all there is, so it takes as long
 * as that does. Where a process has the store open, the store and the end of the log are left alone.
 *
 * @param options.walDir where the log lies, when that is elsewhere
 * @throws as node:fs does, when the disk fails to read
 */
export async function examineDataDir(options: {
  readonly dataDir: string;
  readonly walDir?: string | undefined;
}): Promise<DataDirFacts> {
  const layout = layoutOf(options.dataDir, options.walDir);
  const unreadable = await readdir(layout.dataDir).then(
    () => undefined,
    (error: unknown) => reasonOf(error),
  );
  const owner = await ownerOf(layout);
  const use = await useOf(layout, owner);
  const isInUse = use.state === 'used';
  return {
    dataDir: options.dataDir,
    walDir: layout.walDir,
    ...{ unreadable, owner, use },
    isRestoreInterrupted: await exists(layout.restoringDir),
    hasProxy: await exists(join(layout.dataDir, 'proxy')),
    leftovers: await examineLeftovers(layout, { isInUse }),
    places: await examinePlaces(layout),
    volumes: await examineVolumes(layout),
    log: await examineLog(layout.walDir, { isInUse }),
    snapFiles: await examineSnapFiles(layout.snapDir),
    store: isInUse ? undefined : await storeOf(layout, owner),
  };
}

async function ownerOf(layout: Layout): Promise<DataDirFacts['owner']> {
  const isQuorate = (await exists(layout.storeDir)) || (await exists(rewritePaths(layout).whole));
  const isEtcd = await exists(layout.etcdFile);
  if (isQuorate && isEtcd) return 'both';
  if (isQuorate) return 'quorate';
  return isEtcd ? 'etcd' : 'none';
}

async function useOf({ storeDir, etcdFile }: Layout, owner: DataDirFacts['owner']): Promise<UseFacts> {
  const paths = { quorate: [storeDir], etcd: [etcdFile], both: [storeDir, etcdFile], none: [] }[owner];
  let use: UseFacts = { state: 'free' };
  for (const path of paths) {
    const found = await lockHolder(path === storeDir ? join(storeDir, 'LOCK') : path);
    if (found.state === 'used') return found;
    if (found.state === 'unknown') use = found;
  }
  return use;
}

/** A whole store that a crash has kept from its place is the one that the next start takes. */
async function storeOf(layout: Layout, owner: DataDirFacts['owner']): Promise<StoreFacts | undefined> {
  if (owner === 'none') return undefined;
  if (owner === 'etcd') return examineDatabase(layout.etcdFile);
  const { whole } = rewritePaths(layout);
  return examineStore((await exists(whole)) ? whole : layout.storeDir);
}
