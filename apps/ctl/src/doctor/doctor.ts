import { textOf } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import { paintOf } from '../colour.ts';
import { argumentsOf } from '../commands/arguments.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { anyAborted, listenForInterrupts } from '../interruption.ts';
import { diagnose, statusOf, together, type Diagnosis } from './diagnosis.ts';
import { diagnosisPrintout } from './report.ts';

/**
 * Looks at members that run, or with `--data-dir` at data directories, and tells what is wrong, worst first, and what to do.
 * Changes nothing. Ends with 0 when there is nothing worse than advice, 2 with warnings, 3 with what is critical, and 1 when
 * it could not look.
 */
export async function doctor(context: Context): Promise<void> {
  argumentsOf(
    context,
    0,
    'doctor command accepts no arguments: give members by --endpoints, data by --data-dir',
  );
  const { flags } = context;
  const dataDirs = flags.list('data-dir').map(textOf);
  refuseOddFlags(context, dataDirs);
  // Data are looked at without a word to any cluster, unless one is named, too.
  const isLive = dataDirs.length === 0 || flags.isSet('endpoints') || flags.bool('cluster');
  if (isLive) await context.prepare();
  else context.prepareOffline();
  if (context.format === 'fields' || context.format === 'protobuf')
    throw new ExitError('badFeature', `${context.format} not supported as output format`);
  const diagnosis = await unlessInterrupted(context, async () =>
    together([
      ...(isLive ? [await diagnoseCluster(context)] : []),
      ...(await diagnoseDataDirs(context, dataDirs)),
    ]),
  );
  const paint = paintOf(context.terminal, 'stdout');
  context.print(diagnosisPrintout(diagnosis, { all: flags.bool('all'), paint }));
  const status = statusOf(diagnosis);
  if (status !== 0) throw new ExitError('error', undefined, { status });
}

/** The end of the program, and not of the work, is what an interruption waits for: what is left then goes with it. */
async function unlessInterrupted<T>({ terminal }: Context, work: () => Promise<T>): Promise<T> {
  using interruption = listenForInterrupts(terminal);
  const interrupted = anyAborted(interruption.signal).then(() => {
    throw new ExitError('interrupted');
  });
  return Promise.race([work(), interrupted]);
}

function refuseOddFlags({ flags }: Context, dataDirs: readonly string[]): void {
  const refuse = (text: string): never => {
    throw new ExitError('badArguments', text);
  };
  if (flags.durationMs('interval') < 0) refuse('--interval must not be below 0s');
  if (flags.isSet('wal-dir') && dataDirs.length !== 1) refuse('--wal-dir goes with one --data-dir');
  if (flags.bool('write-test') && dataDirs.length === 0) refuse('--write-test goes with --data-dir');
}

async function diagnoseCluster(context: Context): Promise<Diagnosis> {
  const [{ observeCluster }, { liveChecks }] = await Promise.all([
    import('./observe/cluster.ts'),
    import('./live-checks.ts'),
  ]);
  return diagnose(liveChecks, await observeCluster(context));
}

/** One after the other: each is read from end to end. */
async function diagnoseDataDirs(context: Context, dataDirs: readonly string[]): Promise<Diagnosis[]> {
  if (dataDirs.length === 0) return [];
  const [{ observeDataDir }, { dataChecks }] = await Promise.all([
    import('./observe/data-dir.ts'),
    import('./data-checks.ts'),
  ]);
  const walDir = textOf(context.flags.string('wal-dir')) || undefined;
  const writeTest = context.flags.bool('write-test');
  const diagnoses: Diagnosis[] = [];
  for (const dataDir of dataDirs) {
    try {
      diagnoses.push(diagnose(dataChecks, await observeDataDir({ dataDir, walDir, writeTest })));
    } catch (error) {
      throw new ExitError('error', `${dataDir} could not be looked at: ${errorText(error)}`, {
        cause: error,
      });
    }
  }
  return diagnoses;
}
