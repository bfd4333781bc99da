import type { Check } from './check.ts';
import { diskSpace, fileModes, fileSystem, syncMeasured } from './data/disk.ts';
import { logAhead, logDamaged, logFitsStore, logPresent, logSize, logTorn } from './data/log.ts';
import { dataInUse, dataPresent, restoreInterrupted } from './data/present.ts';
import { leftovers, snapFiles, storeAlarms, storeDamaged, storeFragmented } from './data/store.ts';
import type { DataFacts } from './data-facts.ts';

/** All checks of data directories. Among findings of one severity, those of the first come first. */
export const dataChecks: readonly Check<DataFacts>[] = [
  dataPresent,
  restoreInterrupted,
  logDamaged,
  storeDamaged,
  logPresent,
  logFitsStore,
  diskSpace,
  syncMeasured,
  storeAlarms,
  fileSystem,
  fileModes,
  snapFiles,
  logTorn,
  logSize,
  storeFragmented,
  leftovers,
  logAhead,
  dataInUse,
];
