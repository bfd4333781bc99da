import { AuthStore, SimpleTokens } from '@quorate/auth';
import { Lessor, minTtlSeconds } from '@quorate/lease';
import { decodeConfState, Membership } from '@quorate/membership';
import { MvccStore, type ImageBlock } from '@quorate/mvcc';
import type { BackendReader } from '@quorate/std';
import { WatchHub, type EventSource } from '@quorate/watch';
import type { ConfState } from '@quorate/wire';
import { Alarms } from './alarms.ts';
import type { MemberState } from './applier.ts';
import { metaKeys } from './backend-writer.ts';
import { defaults, type FullOptions } from './options.ts';
import { Quota } from './quota.ts';

/**
 * The replicated state as the backend, or a snapshot of the leader staged beside it, holds it; the store from an image
 * of it, if there is one.
 *
 * @throws DamagedImageError when the image is of no use, and what the parts throw when their rows are damaged
 */
export async function openState(
  options: FullOptions,
  backend: BackendReader,
  image?: AsyncIterable<ImageBlock>,
): Promise<MemberState> {
  const { clock, random, quotaBytes, valueBudgetBytes } = options;
  // Leases first: the store then hangs its keys on them.
  const lessor = await openLessor(options, backend);
  const store = await MvccStore.open({
    backend,
    leases: lessor,
    ...(image !== undefined && { image }),
    valueBudgetBytes,
    yieldToLoop: () => new Promise((resolve) => clock.soon(resolve)),
  });
  const replaceable = {
    store,
    lessor,
    alarms: await Alarms.restore(backend),
    membership: await Membership.load(backend),
    auth: await AuthStore.load(backend),
  };
  return Object.assign(replaceable, {
    tokens: new SimpleTokens({ ttlMs: options.simpleTokenTtlMs }),
    hub: new WatchHub({ source: sourceOf(() => replaceable.store), random }),
    quota: new Quota({
      limitBytes: quotaBytes === 0 ? defaults.quotaBytes : quotaBytes,
      usedBytes: () => replaceable.store.sizeBytes,
    }),
  });
}

/** Puts another state in the place of one: watch streams stay, and read on from the new store. */
export function replaceState(state: MemberState, by: MemberState): void {
  state.store = by.store;
  state.lessor = by.lessor;
  state.alarms = by.alarms;
  state.membership = by.membership;
  state.auth = by.auth;
  state.hub.restore();
  state.hub.reauthorize();
}

/** The store of the moment, as watchers see it. */
function sourceOf(store: () => MvccStore): EventSource {
  return {
    get currentRevision() {
      return store().currentRevision;
    },
    get compactedRevision() {
      return store().compactedRevision;
    },
    history: (options) => store().history(options),
    at: (key, revision) => store().at(key, revision),
  };
}

/** The configuration as of the entry that the backend stands for; undefined when it has never seen one. */
export function readConfState(backend: BackendReader): ConfState | undefined {
  const stored = backend.get('meta', metaKeys.confState);
  return stored && decodeConfState(stored);
}

/** The configuration before the first entry. */
export function emptyConfState(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

async function openLessor(options: FullOptions, backend: BackendReader): Promise<Lessor> {
  const { electionTimeoutMs, heartbeatIntervalMs, leaseCheckpointMs } = options;
  const lessor = new Lessor({
    minTtlSeconds: minTtlSeconds({
      electionTicks: Math.floor(electionTimeoutMs / heartbeatIntervalMs),
      heartbeatMs: heartbeatIntervalMs,
    }),
    electionTimeoutMs,
    ...(leaseCheckpointMs > 0 && { checkpointIntervalMs: leaseCheckpointMs }),
  });
  for await (const rows of backend.scan('lease')) {
    for (const row of rows) lessor.restore(row);
  }
  return lessor;
}
