import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeededRandom } from '@quorate/std';
import type { WalSnapshot } from '@quorate/wire';
import { Wal } from '../src/index.ts';
import { MemoryDisk } from '../src/testing/index.ts';
import { confState, describe, dir, entry, metadata } from './helpers.ts';
import { LogModel } from './log-model.ts';

const segmentSizeBytes = 2048;

type Step =
  | {
      readonly kind: 'save';
      readonly back: number;
      readonly count: number;
      readonly size: number;
      readonly sync: boolean;
      readonly commit: boolean;
    }
  | { readonly kind: 'snapshot'; readonly ahead: number }
  | { readonly kind: 'release'; readonly keep: number }
  | { readonly kind: 'reopen' }
  | { readonly kind: 'crash'; readonly seed: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('save' as const),
      back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(10) }),
      count: fc.nat(12),
      size: fc.oneof(fc.nat(60), fc.nat(1500)),
      sync: fc.boolean(),
      commit: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('snapshot' as const), ahead: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('release' as const), keep: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), seed: fc.nat() }) },
);

/** A log, what it should hold, and what raft around it would know. */
class Subject {
  disk = new MemoryDisk();
  readonly model = new LogModel();
  #wal: Wal;
  #term = 1;
  #commit = 0;
  /** Where the next reader starts: the newest mark that is durable and committed. */
  #from: WalSnapshot = { index: 0, term: 0, confState: undefined };

  private constructor(disk: MemoryDisk, wal: Wal) {
    this.disk = disk;
    this.#wal = wal;
  }

  static async create(): Promise<Subject> {
    const disk = new MemoryDisk();
    return new Subject(disk, await Wal.create({ disk, dir, metadata, segmentSizeBytes }));
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'save':
        return this.#save(step);
      case 'snapshot':
        return this.#saveSnapshot(step.ahead);
      case 'release':
        await this.#wal.releaseTo(this.#from.index, { keepSegments: step.keep });
        return;
      case 'reopen':
        await this.#wal[Symbol.asyncDispose]();
        this.model.acknowledge();
        return this.reopen();
      case 'crash': {
        const crashed = this.disk.crash({ keep: 'random', random: new SeededRandom(step.seed) });
        await this.#wal[Symbol.asyncDispose]();
        this.disk = crashed;
        return this.reopen();
      }
    }
  }

  /** Appends, or replaces an uncommitted suffix in a new term, as raft does. */
  async #save({ back, count, size, sync, commit }: Step & { kind: 'save' }): Promise<void> {
    const last = this.model.lastIndex();
    const replaced = Math.min(back, last - Math.max(this.#commit, this.#from.index));
    if (replaced > 0) this.#term++;
    const entries = Array.from({ length: count }, (_, i) =>
      entry(last - replaced + 1 + i, this.#term, `${this.#term}:${i} `.repeat(Math.ceil(size / 4))),
    );
    if (commit && count > 0) this.#commit = Math.max(this.#commit, entries.at(-1)!.index - 1);
    const save = {
      entries,
      ...(commit && { hardState: { term: this.#term, vote: 9n, commit: this.#commit } }),
    };
    this.model.save(save);
    await this.#wal.save({ ...save, sync });
    if (sync && (count > 0 || commit)) this.model.acknowledge();
  }

  /** Of what is committed, or from a leader that is ahead of us and in a later term. */
  async #saveSnapshot(ahead: number): Promise<void> {
    const from = this.#from;
    if (ahead === 0 && this.#commit <= from.index) return;
    let mark: WalSnapshot;
    if (ahead === 0) {
      const text = this.model.stateAfter(this.model.recordCount, { index: this.#commit - 1 }).entries[0];
      if (text === undefined) return;
      mark = { index: this.#commit, term: Number(/\/(\d+) /.exec(text)![1]), confState };
    } else {
      this.#term++;
      mark = { index: this.model.lastIndex() + ahead, term: this.#term, confState };
      this.#commit = mark.index;
    }
    this.model.saveSnapshot(mark);
    await this.#wal.saveSnapshot(mark);
    const save = { entries: [], hardState: { term: this.#term, vote: 9n, commit: this.#commit } };
    this.model.save(save);
    await this.#wal.save({ ...save, sync: true });
    this.model.acknowledge();
    this.#from = mark;
  }

  /** Opens what is left, from the newest mark that counts, and compares. */
  async reopen(): Promise<void> {
    const marks = await Wal.validSnapshots(this.disk, dir);
    const newest = marks.at(-1)!;
    expect(newest).toEqual(this.#from);
    const { wal, hardState, entries } = await Wal.open({
      disk: this.disk,
      dir,
      segmentSizeBytes,
      from: newest,
    });
    const found = { entries: describe(entries), hardState };
    const count = this.model.match(found, newest);
    expect(count, `a prefix of what was saved, from ${this.model.durableCount} records on`).toBeDefined();
    this.model.keep(count!);
    expect(wal.lastIndex).toBe(Math.max(this.model.lastIndex(), newest.index));
    this.#wal = wal;
    this.#term = Math.max(hardState.term, this.#term);
    this.#commit = hardState.commit;
  }

  async close(): Promise<void> {
    await this.#wal[Symbol.asyncDispose]();
  }
}

test(
  'whatever is saved, cut, released, reopened and lost to power cuts, the log is what a list would be',
  { timeout: 60_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), async (steps) => {
        const subject = await Subject.create();
        for (const one of steps) await subject.run(one);
        await subject.run({ kind: 'reopen' });
        await subject.close();
      }),
      { numRuns: 400 },
    );
  },
);
