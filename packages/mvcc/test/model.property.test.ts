import { ChangeList, fromLatin1, toHex } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ModelStore } from '../src/testing/index.ts';
import {
  MvccStore,
  unboundedEnd,
  type HistoryChange,
  type ImageBlock,
  type KeyRange,
  type LeaseAttachments,
  type MvccTuning,
} from '../src/index.ts';

/** Small enough that every row, slab and slice boundary is met within a few dozen steps. */
const tiny: MvccTuning = {
  slabBytes: 256,
  rowRevisionsMax: 4,
  rowBytesMax: 160,
  sliceKeys: 3,
  sliceBytes: 1,
  packVisits: 2,
  packsMax: 1,
  packedFrom: 0,
};

const key = fc.constantFrom('a', 'aa', 'b', 'b\0', 'b\u00ff', 'c', 'd', '\0', '\u00ff\u00ff');
const value = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  // Larger than half a row, and larger than a slab.
  fc.constantFrom(100, 300).map((size) => new Uint8Array(size).fill(9)),
);
const range: fc.Arbitrary<KeyRange> = fc.oneof(
  key.map((start) => ({ start, endExclusive: `${start}\0` })),
  key.map((start) => ({ start, endExclusive: unboundedEnd })),
  fc.record({ start: key, endExclusive: key }),
);
const lease = fc.constantFrom(0n, 0n, 5n, -1n, 0x7fff_ffff_ffff_ffffn);
const op = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('put' as const), key, value, lease }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), range }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('read' as const), range, limit: fc.nat(3), back: fc.nat(3) }),
  },
);
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant('txn' as const), ops: fc.array(op, { maxLength: 5 }) }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'drain' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'write' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact' as const), back: fc.nat(4) }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'clean' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'cleanAll' as const }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('hash' as const), back: fc.nat(6) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'stop' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('look' as const),
      range,
      back: fc.nat(6),
      limit: fc.nat(4),
      countOnly: fc.boolean(),
    }),
  },
);
type Op = typeof op extends fc.Arbitrary<infer T> ? T : never;
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

class Leases implements LeaseAttachments {
  readonly attached = new Map<string, bigint>();
  attach(id: bigint, leased: string): void {
    expect(this.attached.has(leased)).toBe(false);
    this.attached.set(leased, id);
  }
  detach(id: bigint, leased: string): void {
    expect(this.attached.get(leased)).toBe(id);
    this.attached.delete(leased);
  }
}

/** A store beside its model, and what the disk below it holds. */
class Pair {
  store!: MvccStore;
  model = new ModelStore();
  readonly #options: { valueBudgetBytes: number; tuning: MvccTuning };
  #backend = new MemoryBackend();
  #leases = new Leases();
  #changes = new ChangeList();
  #token = 0;
  /** The history from which the model can be played again, as far as it is on disk. */
  #applied: Step[] = [];
  #appliedInBatch = 0;
  #durable = 0;

  constructor(valueBudgetBytes: number, tuning: MvccTuning) {
    this.#options = { valueBudgetBytes, tuning };
  }

  async open(blocks?: readonly ImageBlock[]): Promise<void> {
    this.#leases = new Leases();
    this.store = await MvccStore.open({
      ...this.#options,
      ...(blocks !== undefined && { image: streamOf(blocks) }),
      backend: this.#backend,
      leases: this.#leases,
      yieldToLoop: async () => this.onYield(),
    });
  }

  onYield: () => void = () => {};

  async run(step: Step): Promise<void> {
    const { store, model } = this;
    // Twice: nobody comes to the keys in between.
    store.packIdleKeys();
    store.packIdleKeys();
    switch (step.kind) {
      case 'txn':
        this.#applied.push(step);
        this.#txn(step.ops);
        break;
      case 'drain':
        this.#drain();
        break;
      case 'write':
        await this.#write();
        break;
      case 'compact':
        this.#compact(step);
        break;
      case 'clean':
        store.compactSlice(this.#changes);
        break;
      case 'cleanAll':
        this.#cleanAll();
        break;
      case 'hash':
        await this.#hash(model.currentRevision - step.back);
        break;
      case 'crash':
        await this.#crash();
        break;
      case 'stop':
        await this.#stop();
        break;
      case 'look':
        this.#look(step);
        break;
    }
    store.checkInvariants();
  }

  #txn(ops: readonly Op[]): void {
    const { store, model } = this;
    const txn = store.beginWrite();
    for (const op of ops) {
      if (op.kind === 'put') {
        const prev = txn.put(fromLatin1(op.key), op.value, op.lease);
        expectKv(prev, model.put(op.key, op.value, op.lease)?.kv);
      } else if (op.kind === 'delete') {
        const prevs = model.deleteRange(op.range);
        expect(txn.deleteRange(op.range).map(toHex)).toEqual(prevs.map(({ kv }) => toHex(kv)));
      } else {
        const revision = Math.max(0, model.compactedRevision, txn.currentRevision - op.back);
        const options = { revision, limit: op.limit };
        expect(txn.currentRevision).toBe(model.txnRevision);
        expect(hexed(txn.range(op.range, options))).toEqual(
          hexed(model.range(op.range, options, model.txnRevision)),
        );
        expectKv(txn.latest(op.range.start), model.at(op.range.start, model.txnRevision)?.kv);
        // Readers outside do not see the open transaction.
        expect(hexed(store.range(op.range))).toEqual(hexed(model.range(op.range, {}, model.currentRevision)));
      }
    }
    const { revision, changes } = txn.end();
    const expected = model.end();
    expect(revision).toBe(model.currentRevision);
    expect(changes.map((change) => [change.type, change.key, toHex(change.kv)])).toEqual(
      expected.map((change) => [change.tombstone ? 1 : 0, change.key, toHex(change.kv)]),
    );
  }

  #drain(): void {
    this.#token = this.store.drain(this.#changes);
    this.#appliedInBatch = this.#applied.length;
  }

  async #write(): Promise<void> {
    await this.#backend.write(this.#changes.changes);
    this.#changes = new ChangeList();
    this.store.markFlushed(this.#token);
    this.#durable = this.#appliedInBatch;
  }

  #compact(step: Step & { kind: 'compact' }): void {
    const { store, model } = this;
    const revision = model.currentRevision - step.back;
    if (revision <= model.compactedRevision) {
      const code = withCode('MVCC_COMPACTED');
      expect(() => store.scheduleCompaction(revision, this.#changes)).toThrow(code);
      return;
    }
    // Hashes and history are compared when the one before is done, as in etcd, where they queue up.
    this.#cleanAll();
    store.scheduleCompaction(revision, this.#changes);
    this.#applied.push({ kind: 'compact', back: step.back });
    this.#drain();
    model.compact(revision);
  }

  #cleanAll(): void {
    while (this.store.compactSlice(this.#changes));
    expect(this.store.sizeBytes).toBe(this.model.sizeBytes);
  }

  async #hash(revision: number): Promise<void> {
    const { store, model } = this;
    const stored = model.storedHashes.some((hash) => hash.hashRevision === revision);
    if (stored) this.#cleanAll();
    if (revision < 0 || (revision > 0 && revision < model.compactedRevision && !stored)) return;
    const expected = model.hashKv(revision);
    const current = model.currentRevision;
    // Writes and drains go on between the slices.
    let left = 3;
    this.onYield = () => {
      if (left-- <= 0) return;
      const step: Step = {
        kind: 'txn',
        ops: [{ kind: 'put', key: 'c', value: new Uint8Array(3), lease: 0n }],
      };
      this.#applied.push(step);
      this.#txn(step.ops);
      this.#drain();
      expect(store.compactSlice(this.#changes)).toBeTypeOf('boolean');
    };
    expect(await store.hashKv(revision)).toEqual({ ...expected, currentRevision: current });
    this.onYield = () => {};
  }

  #look({ range, back, limit, countOnly }: Step & { kind: 'look' }): void {
    const { store, model } = this;
    const revision = Math.max(0, model.currentRevision - back);
    expect(store.keyCount).toBe(model.live({ start: '', endExclusive: unboundedEnd }, Infinity).length);
    expect(new Map([...this.#leases.attached].sort())).toEqual(new Map(leasesOf(model)));
    if (revision > 0 && revision < model.compactedRevision) {
      const code = withCode('MVCC_COMPACTED');
      expect(() => store.range(range, { revision })).toThrow(code);
      expect(() => store.history({ from: revision })).toThrow(code);
      expect(store.at(range.start, revision)).toBeUndefined();
      return;
    }
    const options = { revision, limit, countOnly };
    expect(hexed(store.range(range, options))).toEqual(
      hexed(model.range(range, options, model.currentRevision)),
    );
    expectKv(store.latest(range.start), model.at(range.start, Infinity)?.kv);
    if (revision > 0) expectKv(store.at(range.start, revision), model.at(range.start, revision)?.kv);
    this.#lookBack(Math.max(revision, model.compactedRevision, 1), limit);
  }

  /** The past is the same, read in pieces of any size. */
  #lookBack(from: number, limit: number): void {
    const { store, model } = this;
    const to = model.currentRevision - (limit % 2);
    const limits = limit === 0 ? {} : limit < 3 ? { maxRevisions: limit } : { maxBytes: limit * 20 };
    const seen: HistoryChange[] = [];
    let pieces = 0;
    for (let next = from; next <= to; pieces++) {
      const piece = store.history({ from: next, to, ...limits });
      expect(piece.next).toBeGreaterThan(next);
      if (limits.maxRevisions !== undefined) {
        expect(new Set(piece.changes.map((change) => change.revision)).size).toBeLessThanOrEqual(limit);
      }
      expect(piece.changes[0]?.revision ?? 0).not.toBe(seen.at(-1)?.revision);
      seen.push(...piece.changes);
      next = piece.next;
    }
    expect(seen.map((change) => ({ ...change, kv: toHex(change.kv) }))).toEqual(
      model.history(from, to).map((change) => ({ ...change, kv: toHex(change.kv) })),
    );
  }

  /** Memory is lost, and what was not written. The log then plays again what the disk does not have. */
  async #crash(): Promise<void> {
    this.#backend = this.#backend.copy();
    const lost = this.#applied.splice(this.#durable);
    this.#changes = new ChangeList();
    const model = new ModelStore();
    this.model = model;
    const all = [...this.#applied];
    for (const step of all) replay(model, step);
    await this.open();
    this.store.checkInvariants();
    expect(this.store.currentRevision).toBe(model.currentRevision);
    expect(this.store.compactedRevision).toBe(model.compactedRevision);
    for (const step of lost) {
      this.#applied.push(step);
      if (step.kind === 'txn') this.#txn(step.ops);
      else if (step.kind === 'compact') {
        this.#applied.pop();
        this.#compact(step);
      }
    }
    // Which hashes were stored depends on how far a compaction had come: no longer compared.
    this.#cleanAll();
    model.storedHashes = [];
    await this.#forgetHashes();
  }

  /** Everything is stored, and the next opening is from an image of it, during which others read on. */
  async #stop(): Promise<void> {
    this.#cleanAll();
    this.#drain();
    await this.#write();
    const leases = [...this.#leases.attached].map(([leased, id]) => [id, [leased]] as const);
    const blocks: ImageBlock[] = [];
    for (const { kind, bytes } of this.store.image(leases)!) {
      blocks.push({ kind, bytes: bytes.slice() });
      this.store.range({ start: '', endExclusive: unboundedEnd });
    }
    this.#backend = this.#backend.copy();
    await this.open(blocks);
    this.model.storedHashes = [];
  }

  async #forgetHashes(): Promise<void> {
    this.#drain();
    await this.#write();
    await this.open();
  }
}

async function* streamOf(blocks: readonly ImageBlock[]): AsyncGenerator<ImageBlock> {
  yield* blocks;
}

function replay(model: ModelStore, step: Step): void {
  if (step.kind === 'compact') model.compact(model.currentRevision - step.back, false);
  if (step.kind !== 'txn') return;
  for (const op of step.ops) {
    if (op.kind === 'put') model.put(op.key, op.value, op.lease);
    if (op.kind === 'delete') model.deleteRange(op.range);
  }
  model.end();
}

function leasesOf(model: ModelStore): [string, bigint][] {
  return model
    .live({ start: '', endExclusive: unboundedEnd }, Infinity)
    .filter((version) => version.lease !== 0n)
    .map((version) => [version.key, version.lease]);
}

function hexed({ kvs, count }: { kvs: readonly Uint8Array[]; count: number }): unknown {
  return { kvs: kvs.map(toHex), count };
}

function expectKv(actual: Uint8Array | undefined, expected: Uint8Array | undefined): void {
  expect(actual && toHex(actual)).toBe(expected && toHex(expected));
}

async function check(steps: readonly Step[], valueBudgetBytes: number, tuning: MvccTuning): Promise<void> {
  const pair = new Pair(valueBudgetBytes, tuning);
  await pair.open();
  for (const step of steps) await pair.run(step);
  await pair.run({ kind: 'cleanAll' });
  await pair.run({ kind: 'drain' });
  await pair.run({ kind: 'write' });
  await pair.run({ kind: 'hash', back: 0 });
}

test('the store does what the model does, with tiny rows, slabs and slices, and hardly any memory', async () => {
  const steps = fc.array(step, { minLength: 10, maxLength: 60, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom(0, 600, 1e9), (list, budget) => check(list, budget, tiny)),
    { numRuns: 200 },
  );
});

test('the store does what the model does, with rows of one revision', async () => {
  const tuning = { ...tiny, rowRevisionsMax: 1, slabBytes: 64, sliceKeys: 1 };
  const steps = fc.array(step, { minLength: 10, maxLength: 60, size: 'max' });
  await fc.assert(
    fc.asyncProperty(steps, (list) => check(list, 0, tuning)),
    { numRuns: 80 },
  );
});

/** An error with this code. */
function withCode(code: string): unknown {
  return expect.objectContaining({ code });
}
