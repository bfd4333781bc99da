import { storeStatus } from '@quorate/data-dir';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { snapshotStatusPrintout } from '../print/snapshot.ts';
import { withOfflineData } from './offline.ts';

/** Reads a snapshot, or the store of a member that does not run, and says what is in it. */
export async function snapshotStatus(context: Context): Promise<void> {
  const [path] = context.args;
  if (path === undefined || context.args.length !== 1) {
    throw new ExitError('badArguments', 'snapshot status requires exactly one argument');
  }
  context.prepareOffline();
  const options = { path, label: 'reading', passes: 2 };
  const status = await withOfflineData(context, options, storeStatus).catch((error: unknown) => {
    throw isNoDatabase(error) ? new ExitError('error', 'invalid database', { cause: error }) : error;
  });
  context.print(snapshotStatusPrintout(status));
}

/** etcdutl has few words for a file that is something else. */
function isNoDatabase(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('code' in cause && cause.code === 'BOLT_NOT_A_DATABASE') return true;
  }
  return false;
}
