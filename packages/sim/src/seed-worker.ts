import type { SeedResult, WorkerOrder } from './seed-result.ts';
import { runCheckedSeed } from './run-checked-seed.ts';

/** A process of its own that runs the seeds it is sent, one after the other. */
process.on('message', (order: WorkerOrder) => {
  void runCheckedSeed(order).then((result: SeedResult) => process.send?.(result));
});
process.on('disconnect', () => process.exit());
