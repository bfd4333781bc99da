import { hashKv } from '@quorate/data-dir';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { offlineHashPrintout } from '../print/hashkv.ts';
import { withOfflineData } from './offline.ts';

/** Prints the hash of all keys and revisions in a file, or in the data directory of a member that does not run. */
export async function hashKvOffline(context: Context): Promise<void> {
  const { flags, args } = context;
  const paths = flags.isSet('data-dir') ? [...args, flags.string('data-dir')] : args;
  const [path] = paths;
  if (path === undefined || paths.length !== 1) {
    const hint = flags.isSet('data-dir')
      ? 'give a file or --data-dir, not both'
      : 'give a file, or --data-dir';
    throw new ExitError('error', `accepts 1 arg(s), received ${paths.length}: ${hint}`);
  }
  context.prepareOffline();
  const revision = Number(flags.int64('rev'));
  const options = { path, label: 'hashing', passes: 3 };
  const hash = await withOfflineData(context, options, (data, onBytes) => hashKv(data, revision, onBytes));
  context.print(offlineHashPrintout(hash));
}
