import { migrate, parseStorageVersion, type StorageVersion } from '@quorate/data-dir';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { goQuote } from '../go/quote.ts';
import { offlineError, requiredFlags, whenFree } from './offline.ts';

/** Makes the data directory of a member that does not run one of another version. Says on stderr what came of it. */
export async function migrateDataDir(context: Context): Promise<void> {
  const { flags, terminal } = context;
  const [dataDir = '', targetText = ''] = requiredFlags(context, 'data-dir', 'target-version');
  context.prepareOffline();
  const target = targetOf(targetText);
  const force = flags.bool('force');
  const walDir = textOf(flags.string('wal-dir')) || undefined;
  const { from, changed, refusal } = await whenFree(context, () =>
    migrate({ dataDir: textOf(dataDir), walDir, target, force }),
  ).catch((error: unknown) => {
    throw offlineError(error);
  });
  if (refusal !== undefined)
    terminal.err(bytesOfText(`normal migrate failed, trying with force (${refusal})\n`));
  const to = versionText(target);
  if (!changed) terminal.err(`storage version up-to-date (${to})\n`);
  else
    terminal.err(
      `updated storage version from ${from === undefined ? 'unknown' : versionText(from)} to ${to}\n`,
    );
}

/** @throws ExitError with etcdutl's texts */
function targetOf(text: ByteString): StorageVersion {
  if (text.split('.').length !== 2)
    throw new ExitError('badArguments', `wrong target version format, expected "X.Y", got ${goQuote(text)}`);
  const version = parseStorageVersion(textOf(text));
  if (version === undefined)
    throw new ExitError('badArguments', `failed to parse target version: ${text} is not of the form X.Y`);
  if (version.major < 3 || (version.major === 3 && version.minor < 5))
    throw new ExitError(
      'badArguments',
      `target version "${versionText(version)}" not supported. Minimal "3.5"`,
    );
  return version;
}

function versionText({ major, minor }: StorageVersion): string {
  return `${major}.${minor}`;
}
