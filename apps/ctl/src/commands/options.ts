import type { Context } from '../cli/context.ts';
import { globalFlags } from '../cli/global-flags.ts';
import { flagList } from '../cli/usage.ts';

/** Shows the flags that all commands have. */
export function options(context: Context): Promise<void> {
  context.printText(`The following options can be passed to any command:\n\n${flagList(globalFlags)}`);
  return Promise.resolve();
}
