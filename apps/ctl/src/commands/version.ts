import type { Context } from '../cli/context.ts';
import { programVersion } from '../version.ts';

/** Prints which version this is. */
export async function version(context: Context): Promise<void> {
  const { version, apiVersion } = programVersion;
  context.printText(`quoratectl version: ${version}\nAPI version: ${apiVersion}\n`);
}
