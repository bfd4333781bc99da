import { systemClock } from '@quorate/std';
import { textOf } from '../byte-string.ts';
import type { Action } from '../cli/command.ts';
import type { Context } from '../cli/context.ts';
import { tlsFlags } from '../cli/tls-files.ts';
import { errorText } from '../error-text.ts';
import { ExitError } from '../exit.ts';
import { listenForInterrupts } from '../interruption.ts';
import { permitsOf, runLoad, type LoadReport } from '../load.ts';
import { startProgress } from '../progress.ts';
import { residentMemory } from '../resident-memory.ts';
import {
  compactIfAsked,
  defragIfAsked,
  deleteWritten,
  loadOf,
  openClients,
  refuseKeys,
  tellErrors,
  writerOf,
  type LoadName,
} from './check.ts';

/** How many keys are written, and how many write at the same time. */
export interface DatascaleLoad {
  readonly keys: number;
  readonly writers: number;
}

/** etcdctl's loads. */
const datascaleLoads: Readonly<Record<LoadName, DatascaleLoad>> = {
  s: { keys: 10_000, writers: 50 },
  m: { keys: 100_000, writers: 200 },
  l: { keys: 1_000_000, writers: 500 },
  xl: { keys: 3_000_000, writers: 1_000 },
};

const written = { keySize: 512, valueSize: 512 };

/** Writes many keys, and says by how much the memory of the first endpoint's process grew. */
export const checkDatascale = datascaleCheck(datascaleLoads);

/** `check datascale` with other loads, for tests. */
export function datascaleCheck(loads: Readonly<Record<LoadName, DatascaleLoad>>): Action {
  return async (context) => {
    const load = loadOf(context, loads);
    const clients = await openClients(context, load.writers);
    const [client] = clients;
    await refuseKeys(context, client, (prefix) => `etcdctl del --prefix ${prefix}`);
    const before = await memoryOf(context, 'before');
    if (before === undefined) throw new ExitError('error');
    using interruption = listenForInterrupts(context.terminal);
    const { signal } = interruption;
    const report = await writeAll(context, load, writerOf(context, clients, written), signal);
    // Whatever comes out of it, what was written is deleted.
    const after = signal.aborted ? undefined : await memoryOf(context, 'after');
    const revision = await deleteWritten(context, client);
    if (signal.aborted) throw new ExitError('interrupted', 'interrupted; what was written is deleted again');
    await compactIfAsked(context, client, revision);
    await defragIfAsked(context, client);
    if (after === undefined || tellErrors(context, report)) throw new ExitError('error');
    const grownMb = (after - before) / (1_024 * 1_024);
    context.printText(`PASS: Approximate system memory used : ${grownMb.toFixed(2)} MB.\n`);
  };
}

async function writeAll(
  context: Context,
  { keys, writers }: DatascaleLoad,
  write: (writer: number) => Promise<unknown>,
  signal: AbortSignal,
): Promise<LoadReport> {
  const size = written.keySize + written.valueSize;
  const work = `${keys} key-value pairs, ${size} bytes per key-value, ${writers} concurrent clients`;
  context.printText(`Start data scale check for work load [${work}].\n`);
  using progress = startProgress(context.terminal, { label: 'writing', total: keys, unit: 'keys' });
  const onWritten = () => progress.advance(1);
  return await runLoad({ writers, permits: permitsOf(keys), write, clock: systemClock, onWritten, signal });
}

/** The memory of the first endpoint's process; when nobody knows it, that is said, and undefined. */
async function memoryOf(context: Context, when: 'before' | 'after'): Promise<number | undefined> {
  const [endpoint = ''] = await context.endpoints();
  const { options: tls, skipsOnly } = tlsFlags(context.flags);
  const isPlain = skipsOnly && !endpoint.startsWith('https://');
  const source = { endpoint: textOf(endpoint.trim()), tls: isPlain ? undefined : tls };
  try {
    return await residentMemory({ ...source, timeoutMs: context.timeoutMs });
  } catch (error) {
    context.printText(`${errorText(error)}\n`);
    const reason = `Could not read process_resident_memory_bytes ${when} the put operations.`;
    context.printText(`FAIL: ${reason}\n`);
    return undefined;
  }
}
