import { examineDataDir } from '@quorate/data-dir';
import type { DataFacts } from '../data-facts.ts';
import { attempt } from './member.ts';
import { measureSyncs } from './write-test.ts';

/** Observes a data directory, and changes nothing in it; with `writeTest` the disk is measured. */
export async function observeDataDir(options: {
  readonly dataDir: string;
  readonly walDir: string | undefined;
  readonly writeTest: boolean;
}): Promise<DataFacts> {
  const dir = await examineDataDir(options);
  const canMeasure = options.writeTest && dir.unreadable === undefined;
  return { dir, syncs: canMeasure ? await attempt(() => measureSyncs(dir)) : undefined };
}
