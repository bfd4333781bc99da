import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { endpointsOf } from './endpoints.ts';

/** Has members give unused disk space back, one after the other; with `--data-dir`, one that does not run. */
export async function defrag(context: Context): Promise<void> {
  if (context.flags.string('data-dir') !== '') {
    const { defragOffline } = await import('./defrag-offline.ts');
    return defragOffline(context);
  }
  const failures: unknown[] = [];
  for (const endpoint of await endpointsOf(context)) {
    const client = await context.client([endpoint]);
    try {
      await client.maintenance.defragment({}, { timeoutMs: context.timeoutMs });
      context.printText(`Finished defragmenting etcd member[${endpoint}]\n`);
    } catch (error) {
      context.terminal.err(`Failed to defragment etcd member[${endpoint}] (${errorText(error)})\n`);
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new ExitError('error', undefined, { cause: failures[0] });
}
