import type { Action } from '../cli/command.ts';

/** Prints the script of a shell. */
export function completion(shell: string): Action {
  return async (context) => {
    const { scripts } = await import('../completion/scripts/index.ts');
    const script = scripts.get(shell);
    if (script === undefined) throw new TypeError(`there is no script for ${shell}`);
    const described = !context.flags.bool('no-descriptions');
    context.printText(described ? script : script.replace(/\b__complete\b/g, '__completeNoDesc'));
  };
}
