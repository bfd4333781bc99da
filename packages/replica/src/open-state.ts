import { Lessor, minTtlSeconds } from '@quorate/lease';
import { decodeConfState, Membership } from '@quorate/membership';
import { MvccStore } from '@quorate/mvcc';
import type { Backend } from '@quorate/std';
import { WatchHub } from '@quorate/watch';
import type { ConfState } from '@quorate/wire';
import { Alarms } from './alarms.ts';
import type { MemberState } from './applier.ts';
import { metaKeys } from './backend-writer.ts';
import { defaults, type FullOptions } from './options.ts';
import { Quota } from './quota.ts';

/** The replicated state as the backend holds it. */
export async function openState(options: FullOptions): Promise<MemberState> {
  const { backend, clock, random, quotaBytes, valueBudgetBytes } = options;
  // Leases first: the store then hangs its keys on them.
  const lessor = await openLessor(options);
  const store = await MvccStore.open({
    backend,
    leases: lessor,
    valueBudgetBytes,
    yieldToLoop: () => new Promise((resolve) => clock.soon(resolve)),
  });
  return {
    store,
    lessor,
    alarms: await Alarms.restore(backend),
    membership: await Membership.load(backend),
    hub: new WatchHub({ source: store, random }),
    quota: new Quota({
      limitBytes: quotaBytes === 0 ? defaults.quotaBytes : quotaBytes,
      usedBytes: () => store.sizeBytes,
    }),
  };
}

/** The configuration as of the entry that the backend stands for; undefined when it has never seen one. */
export function readConfState(backend: Backend): ConfState | undefined {
  const stored = backend.get('meta', metaKeys.confState);
  return stored && decodeConfState(stored);
}

/** The configuration before the first entry. */
export function emptyConfState(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

async function openLessor(options: FullOptions): Promise<Lessor> {
  const { backend, electionTimeoutMs, heartbeatIntervalMs } = options;
  const lessor = new Lessor({
    minTtlSeconds: minTtlSeconds({
      electionTicks: Math.floor(electionTimeoutMs / heartbeatIntervalMs),
      heartbeatMs: heartbeatIntervalMs,
    }),
    electionTimeoutMs,
  });
  for await (const rows of backend.scan('lease')) {
    for (const row of rows) lessor.restore(row);
  }
  return lessor;
}
