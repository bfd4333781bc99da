import { ChangeList, type Backend } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MvccStore } from '../../src/store.ts';
import type { WriteTxn } from '../../src/types.ts';
import { answer, type Answer, type KvStore } from './answer.ts';
import { operations } from './arbitraries.ts';
import { ModelStore } from './model-store.ts';

const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: operations },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('store' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact' as const), back: fc.nat({ max: 6 }) }) },
  ),
  { maxLength: 60 },
);

test('the store and the model answer every history with the same bytes', { timeout: 60_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom(0, 200, 1 << 20), async (history, valueBudgetBytes) => {
      await using backend = new MemoryBackend();
      const store = await MvccStore.open({ backend, valueBudgetBytes });
      const model = new ModelStore();
      for (const step of history) {
        if (step.kind === 'store') await flush(store, backend);
        else if (step.kind === 'compact') await compact(store, model, backend, step.back);
        else expect(text(answer(writable(store), step))).toEqual(text(answer(model, step)));
      }
      store.checkInvariants();
    }),
    { numRuns: 300 },
  );
});

function writable(store: MvccStore): KvStore {
  return {
    get currentRevision() {
      return store.currentRevision;
    },
    get compactedRevision() {
      return store.compactedRevision;
    },
    range: (range, options) => store.range(range, options),
    latest: (key) => store.latest(key),
    begin: (): WriteTxn => store.beginWrite(),
  };
}

async function flush(store: MvccStore, backend: Backend): Promise<void> {
  const changes = new ChangeList();
  const token = store.drain(changes);
  await backend.write(changes.changes, { sync: false });
  store.markFlushed(token);
}

async function compact(store: MvccStore, model: ModelStore, backend: Backend, back: number): Promise<void> {
  const revision = model.currentRevision - back;
  if (revision <= Math.max(0, model.compactedRevision)) return;
  await flush(store, backend);
  const changes = new ChangeList();
  store.scheduleCompaction(revision, changes);
  while (store.hasCompaction) store.compactSlice(changes);
  await backend.write(changes.changes, { sync: false });
  model.compactedRevision = revision;
}

function text(given: Answer): string {
  return typeof given === 'string' ? given : Buffer.from(given).toString('hex');
}
