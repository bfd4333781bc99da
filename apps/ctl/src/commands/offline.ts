import { openDataDirOffline, openFileOffline, type OfflineData } from '@quorate/data-dir';
import { stat } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { textOf, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { pathOf, systemText } from '../file.ts';
import { startProgress } from '../progress.ts';
import { LazyFile } from '../source-file.ts';

/** How often data in use are looked at again. */
const lookMs = 100;

/**
 * Does work on data that no member may have open; where one has, it waits for as long as `--timeout` says, 0 for any
 * time. Data in use are found so before anything was done.
 */
export async function whenFree<T>({ flags }: Context, work: () => Promise<T>): Promise<T> {
  const timeoutMs = flags.durationMs('timeout');
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const isOver = timeoutMs > 0 && performance.now() >= deadlineMs;
      if (codeOf(error) !== 'DATA_DIR_IN_USE' || isOver) throw error;
      await setTimeout(lookMs);
    }
  }
}

/** The text of a flag without which a command cannot do. @throws ExitError as etcdutl has it */
export function requiredFlags(context: Context, ...names: readonly string[]): ByteString[] {
  const missing = names.filter((name) => !context.flags.isSet(name) || context.flags.string(name) === '');
  if (missing.length > 0) {
    const quoted = missing.map((name) => `"${name}"`).join(', ');
    throw new ExitError('error', `required flag(s) ${quoted} not set`);
  }
  return names.map((name) => context.flags.string(name));
}

/**
 * Runs work on a store that no member has open, with a bar that shows how far it is.
 *
 * @param path a file, or a data directory
 * @param passes how often all of the store is read
 * @throws ExitError
 */
export async function withOfflineData<T>(
  context: Context,
  { path, label, passes }: { readonly path: ByteString; readonly label: string; readonly passes: number },
  work: (data: OfflineData, onBytes: (bytes: number) => void) => Promise<T>,
): Promise<T> {
  const found = await stat(pathOf(path)).catch((error: unknown) => {
    throw new ExitError('error', `stat ${path}: ${systemText(error)}`, { cause: error });
  });
  const isDirectory = found.isDirectory();
  // Of a directory nobody knows beforehand how much is to be read.
  const total = isDirectory ? undefined : found.size * (passes + 1);
  using progress = startProgress(context.terminal, { label, total, unit: 'bytes' });
  let read = 0;
  // Some pages of a file are read more than once.
  const advance = (bytes: number) => progress.set(Math.min((read += bytes), total ?? Infinity));
  await using file = new LazyFile(path, advance);
  try {
    await using data = await (isDirectory
      ? whenFree(context, () => openDataDirOffline(textOf(path)))
      : openFileOffline(file));
    return await work(data, isDirectory ? advance : () => undefined);
  } catch (error) {
    progress.done();
    throw offlineError(error);
  }
}

/** What a user is told of work on files that failed: errors of the disk in the system's words. */
export function offlineError(error: unknown): ExitError {
  if (error instanceof ExitError) return error;
  const text = codeOf(error) in texts ? texts[codeOf(error)] : undefined;
  const isSystem = error instanceof Error && 'errno' in error;
  return new ExitError('error', text ?? (isSystem ? systemText(error) : errorText(error)), { cause: error });
}

/** Errors that etcdutl has words of its own for. */
const texts: Readonly<Record<string, ByteString>> = {
  MVCC_COMPACTED: 'mvcc: required revision has been compacted',
  MVCC_FUTURE_REVISION: 'mvcc: required revision is a future revision',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
