import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { bytesOfText, type ByteString } from '../byte-string.ts';
import { ExitError } from '../exit.ts';
import { systemText } from '../file.ts';

/**
 * Where the contexts are kept: below `XDG_CONFIG_HOME`, or `.config` in the home folder. Undefined where the environment
 * knows of no home, as in many containers.
 */
export function contextFilePath(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const { XDG_CONFIG_HOME: configHome = '', HOME: home = env['USERPROFILE'] ?? '' } = env;
  // What is no absolute path is to be passed over, as the XDG specification has it.
  const folder = isAbsolute(configHome) ? configHome : home === '' ? undefined : join(home, '.config');
  return folder === undefined ? undefined : join(folder, 'quorate', 'contexts.yaml');
}

/** The text of the file; undefined when there is none. @throws ExitError when it cannot be read */
export function readContextFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw contextProblem(path, `cannot be read: ${systemText(error)}`, error);
  }
}

/** Whether users of the machine who share nothing with the owner may read the file. */
export function isOpenToAll(path: string): boolean {
  return process.platform !== 'win32' && (statSync(path).mode & 0o004) !== 0;
}

/** What a user is told of a file of contexts that is of no use. */
export function contextProblem(path: string, reason: ByteString, cause?: unknown): ExitError {
  return new ExitError('error', `the contexts in ${bytesOfText(path)}: ${reason}`, { cause });
}

/** What a user is told whose environment knows of no place for contexts. */
export function homeless(): ExitError {
  return new ExitError('error', 'there is no place for contexts: set XDG_CONFIG_HOME or HOME');
}

/** Whether an error of the file system says that something is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
