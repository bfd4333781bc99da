import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { sharedLoad, startSide, type BenchRun } from './bench-run.ts';
import { measureOnce, perSecondOf, prepare } from './calls-section.ts';
import { InProcessMember } from './in-process.ts';
import type { WorkloadName } from './load-job.ts';
import { spreadOf } from './measure.ts';
import type { InProcessResult } from './results.ts';

/** Quorate without gRPC, and in turn with it a real etcd over gRPC, with the load that it is compared by. */
export async function runInProcessSection(run: BenchRun): Promise<InProcessResult> {
  const { measureMs, repetitions } = run;
  const dir = join(run.dir, 'in-process');
  await mkdir(dir);
  await using etcd = await startSide(run, 'etcd', { dir });
  await prepare(sharedLoad(run), etcd);
  await using member = await InProcessMember.open(join(dir, 'replica'));
  const etcdRate = async (workload: WorkloadName): Promise<number> =>
    perSecondOf(
      await measureOnce(
        run,
        { workload, inFlight: 100, connections: 10 },
        { member: etcd, placement: 'shared' },
      ),
    );

  await member.putRate(run.warmUpMs);
  await member.getRate({ durationMs: run.warmUpMs, serializable: false });
  const rates = {
    puts: new Array<number>(),
    etcdPuts: new Array<number>(),
    linearizableGets: new Array<number>(),
    etcdLinearizableGets: new Array<number>(),
    serializableGets: new Array<number>(),
    rangeBytesPerSecond: new Array<number>(),
  };
  for (let repetition = 0; repetition < repetitions; repetition++) {
    run.progress(`in process: ${repetition + 1} of ${repetitions}`);
    const ours = async (): Promise<void> => {
      rates.puts.push(await member.putRate(measureMs));
      rates.linearizableGets.push(await member.getRate({ durationMs: measureMs, serializable: false }));
      rates.serializableGets.push(await member.getRate({ durationMs: measureMs, serializable: true }));
    };
    const theirs = async (): Promise<void> => {
      rates.etcdPuts.push(await etcdRate('put'));
      rates.etcdLinearizableGets.push(await etcdRate('linearizable get'));
    };
    for (const turn of repetition % 2 === 0 ? [ours, theirs] : [theirs, ours]) await turn();
  }
  await member.prepareRange();
  await member.rangeRate(run.warmUpMs);
  for (let repetition = 0; repetition < repetitions; repetition++) {
    rates.rangeBytesPerSecond.push(await member.rangeRate(measureMs));
  }
  return {
    seconds: measureMs / 1000,
    puts: spreadOf(rates.puts),
    linearizableGets: spreadOf(rates.linearizableGets),
    serializableGets: spreadOf(rates.serializableGets),
    rangeBytesPerSecond: spreadOf(rates.rangeBytesPerSecond),
    etcdPuts: spreadOf(rates.etcdPuts),
    etcdLinearizableGets: spreadOf(rates.etcdLinearizableGets),
  };
}
