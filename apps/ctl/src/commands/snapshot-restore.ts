import { restoreSnapshot, servedVersion } from '@quorate/data-dir';
import { idToHex } from '@quorate/std';
import { stat } from 'node:fs/promises';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { ExitError } from '../exit.ts';
import { pathOf } from '../file.ts';
import { startProgress } from '../progress.ts';
import { LazyFile } from '../source-file.ts';
import { offlineError, requiredFlags } from './offline.ts';

/** Makes a new member of a snapshot. Says on stderr what came of it, where etcdutl has its log. */
export async function snapshotRestore(context: Context): Promise<void> {
  const { flags, args, terminal } = context;
  const [dataDir = ''] = requiredFlags(context, 'data-dir');
  const [file] = args;
  if (file === undefined || args.length !== 1)
    throw new ExitError('badArguments', 'snapshot restore requires exactly one argument');
  const bump = flags.uint64('bump-revision');
  if (bump > 0n !== flags.bool('mark-compacted'))
    throw new ExitError('badArguments', '--mark-compacted required if --revision-bump > 0');
  context.prepareOffline();
  const skipHashCheck = flags.bool('skip-hash-check');
  const total = await workOf(file, skipHashCheck);
  using progress = startProgress(terminal, { label: 'restoring', total, unit: 'bytes' });
  let read = 0;
  // Some pages are read more than once.
  await using source = new LazyFile(file, (bytes) =>
    progress.set(Math.min((read += bytes), total ?? Infinity)),
  );
  const restored = await restoreSnapshot({
    snapshot: source,
    dataDir: textOf(dataDir),
    walDir: textOf(flags.string('wal-dir')) || undefined,
    name: textOf(flags.string('name')),
    initialCluster: textOf(flags.string('initial-cluster')),
    initialClusterToken: textOf(flags.string('initial-cluster-token')),
    advertisePeerUrls: textOf(flags.string('initial-advertise-peer-urls')).split(','),
    skipHashCheck,
    // What is too much to be a number is too much for a revision, which is said where it is added.
    bumpRevision: Number(bump),
  }).catch((error: unknown) => {
    progress.done();
    throw offlineError(error);
  });
  progress.done();
  const { memberId, clusterId, revision, loweredFrom } = restored;
  const who = `member ${idToHex(memberId)} of cluster ${idToHex(clusterId)}`;
  terminal.err(bytesOfText(`Restored to ${textOf(dataDir)}: ${who}, revision ${revision}\n`));
  if (loweredFrom === undefined) return;
  const version = `${servedVersion.major}.${servedVersion.minor}`;
  terminal.err(
    bytesOfText(
      `The snapshot is of a cluster of version ${loweredFrom}; the new one is of ${version}, as its members are\n`,
    ),
  );
}

/** How many bytes a restore reads: for the checksum, for the check of all pages, and to take them over. */
async function workOf(file: ByteString, skipHashCheck: boolean): Promise<number | undefined> {
  const found = await stat(pathOf(file)).catch(() => undefined);
  return found && found.size * (skipHashCheck ? 2 : 3);
}
