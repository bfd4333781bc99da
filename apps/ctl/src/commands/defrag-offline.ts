import { defragment } from '@quorate/data-dir';
import { textOf } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { startProgress } from '../progress.ts';
import { offlineError, whenFree } from './offline.ts';

/** Gives the space back that the data directory of a member that does not run has no use for. */
export async function defragOffline(context: Context): Promise<void> {
  const { flags, terminal } = context;
  const dataDir = flags.string('data-dir');
  context.prepareOffline();
  using progress = startProgress(terminal, { label: 'defragmenting', unit: 'bytes' });
  try {
    await whenFree(context, () => defragment(textOf(dataDir), (bytes) => progress.advance(bytes)));
  } catch (error) {
    progress.done();
    const { text } = offlineError(error);
    throw new ExitError('error', `Failed to defragment etcd data[${dataDir}] (${text})`, { cause: error });
  }
  progress.done();
  terminal.err(`Finished defragmenting ${dataDir}\n`);
}
