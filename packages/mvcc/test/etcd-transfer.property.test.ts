import {
  ChangeList,
  compareBytes,
  fromLatin1,
  toHex,
  type BackendReader,
  type BackendRow,
  type BackendSnapshot,
} from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  etcdRowsOf,
  MvccStore,
  stageEtcdRows,
  unboundedEnd,
  type KeyRange,
  type MvccTuning,
  type RowLimits,
} from '../src/index.ts';

const all: KeyRange = { start: '', endExclusive: unboundedEnd };
/** Small enough that rows are many, and compactions stop half way and join rows. */
const tiny: Partial<MvccTuning> & RowLimits = {
  slabBytes: 256,
  rowRevisionsMax: 4,
  rowBytesMax: 160,
  sliceKeys: 3,
  sliceBytes: 1,
};

const key = fc.constantFrom('a', 'aa', 'b', 'b\0', 'b\u00ff', 'c', 'd', '\u00ff');
const op = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key,
      size: fc.constantFrom(0, 1, 20, 100, 300),
      lease: fc.constantFrom(0n, 0n, 7n, -1n),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), start: key, end: key }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'deleteAll' as const }) },
);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('txn' as const),
      ops: fc.array(op, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ kind: 'store' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('compact' as const), back: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'clean' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cleanAll' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'restart' as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A store and the backend below it; each step's changes are stored at once, compactions slice by slice. */
class Member {
  readonly backend = new MemoryBackend();
  store!: MvccStore;

  async open(): Promise<void> {
    this.store = await MvccStore.open({ backend: this.backend, tuning: tiny });
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'txn':
        this.#txn(step);
        break;
      case 'store':
        await this.#stored((changes) => this.store.drain(changes));
        break;
      case 'compact': {
        const revision = this.store.currentRevision - step.back;
        if (revision > this.store.compactedRevision) {
          await this.#stored((changes) => this.store.scheduleCompaction(revision, changes));
        }
        break;
      }
      case 'clean':
        await this.clean();
        break;
      case 'cleanAll':
        while (await this.clean());
        break;
      case 'restart':
        await this.#stored((changes) => this.store.drain(changes));
        await this.open();
    }
  }

  /** One slice of a compaction; whether there is more. */
  async clean(): Promise<boolean> {
    let isMore = false;
    await this.#stored((changes) => (isMore = this.store.compactSlice(changes)));
    return isMore;
  }

  #txn({ ops }: Step & { kind: 'txn' }): void {
    const txn = this.store.beginWrite();
    for (const op of ops) {
      if (op.kind === 'put') txn.put(fromLatin1(op.key), new Uint8Array(op.size).fill(1), op.lease);
      else txn.deleteRange(op.kind === 'delete' ? { start: op.start, endExclusive: op.end } : all);
    }
    txn.end();
  }

  /** A batch has what was drained as well, as a member's batches do. */
  async #stored(change: (changes: ChangeList) => unknown): Promise<void> {
    const list = new ChangeList();
    change(list);
    const token = this.store.drain(list);
    await this.backend.write(list.changes);
    this.store.markFlushed(token);
  }
}

async function exported(snapshot: Pick<BackendSnapshot, 'scan'>): Promise<BackendRow[]> {
  return (await Array.fromAsync(etcdRowsOf(snapshot))).flat();
}

/** What a member does that gets the store of another: `key` through etcd's rows, `meta` as it is. */
async function imported(source: BackendSnapshot, limits: RowLimits): Promise<MemoryBackend> {
  const target = new MemoryBackend();
  await target.write([{ bucket: 'key', key: fromLatin1('old'), value: fromLatin1('row') }]);
  const stage = await target.stage();
  await stageEtcdRows(etcdRowsOf(source), (changes) => stage.write(changes), limits);
  for await (const rows of source.scan('meta')) {
    await stage.write(rows.map(([metaKey, value]) => ({ bucket: 'meta', key: metaKey, value })));
  }
  await stage.seal();
  await stage.install();
  return target;
}

/** A store that was opened on these rows, and the leases that it found. */
async function opened(backend: BackendReader): Promise<{ store: MvccStore; leases: Map<string, bigint> }> {
  const leases = new Map<string, bigint>();
  const attachments = {
    attach: (id: bigint, leased: string): void => void leases.set(leased, id),
    detach: (): void => {},
  };
  return { store: await MvccStore.open({ backend, tuning: tiny, leases: attachments }), leases };
}

/** Everything that can be asked of a store, with the hash of every revision that can be read. */
async function everything(store: MvccStore): Promise<unknown> {
  store.checkInvariants();
  const revisions: unknown[] = [];
  for (let revision = Math.max(1, store.compactedRevision); revision <= store.currentRevision; revision++) {
    const { kvs, count } = store.range(all, { revision });
    revisions.push({ revision, hash: await store.hashKv(revision), kvs: kvs.map(toHex), count });
  }
  return {
    revisions,
    history: store.history({ from: Math.max(1, store.compactedRevision), maxBytes: Infinity }).changes,
    hashAll: await store.hashAll(0),
    current: store.currentRevision,
    compacted: store.compactedRevision,
    sizeBytes: store.sizeBytes,
    keyCount: store.keyCount,
    hasCompaction: store.hasCompaction,
  };
}

function finishCompactions(store: MvccStore): void {
  while (store.compactSlice(new ChangeList()));
}

test('a store that went through the rows of etcd is the same at every revision, wherever its compaction was', async () => {
  const limits = fc.constantFrom<RowLimits>(
    tiny,
    { rowRevisionsMax: 1, rowBytesMax: 1 },
    { rowRevisionsMax: 64, rowBytesMax: 65536 },
  );
  const steps = fc.array(step, { minLength: 5, maxLength: 50, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, limits, async (list, rowLimits) => {
      const member = new Member();
      await member.open();
      for (const step of list) await member.run(step);
      await using snapshot = member.backend.snapshot();
      const target = await imported(snapshot, rowLimits);
      // What the source would be after a restart is what the target is now.
      const [from, to] = [await opened(member.backend.copy()), await opened(target)];
      expect(await everything(to.store)).toEqual(await everything(from.store));
      expect(to.leases).toEqual(from.leases);
      const rows = await exported(snapshot);
      expect(await exported(target)).toEqual(rows);
      for (const [i, [rowKey]] of rows.entries()) {
        if (i > 0) expect(compareBytes(rows[i - 1]![0], rowKey)).toBeLessThan(0);
      }
      finishCompactions(from.store);
      finishCompactions(to.store);
      expect(await everything(to.store)).toEqual(await everything(from.store));
    }),
    { numRuns: 150 },
  );
});

test('a store that is exported while it goes on gives what it held at the snapshot', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }),
      fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }),
      async (before, after) => {
        const member = new Member();
        await member.open();
        for (const step of before) await member.run(step);
        await using snapshot = member.backend.snapshot();
        const expected = await opened(member.backend.copy());
        for (const step of after) await member.run(step);
        const { store } = await opened(await imported(snapshot, tiny));
        expect(await everything(store)).toEqual(await everything(expected.store));
      },
    ),
    { numRuns: 60 },
  );
});
