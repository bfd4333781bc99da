import { readFileSync } from 'node:fs';

/**
 * The arguments of a program that runs as the first process of this container, or below an init that was told to run
 * it: what follows its name on the command line.
 *
 * @throws Error where the first process is something else
 */
export function argumentsOf(
  program: string,
  commandLine = readFileSync('/proc/1/cmdline', 'utf8'),
): string[] {
  const words = commandLine.split('\0').slice(0, -1);
  const at = words.findIndex((word) => word === program || word.endsWith(`/${program}`));
  if (at < 0) throw new Error(`${program} is not the first process of this container`);
  return words.slice(at + 1);
}
