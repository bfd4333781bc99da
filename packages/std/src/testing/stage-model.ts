import fc from 'fast-check';
import { expect } from 'vitest';
import type { Backend, BackendSnapshot, StagedBackend } from '../backend.ts';
import { fromUtf8 } from '../bytes.ts';
import { all, put, text } from './bucket-rows.ts';

/** Opens backends, lets them crash, and disposes of all of them after the test. */
export interface Backends {
  readonly open: () => Promise<Backend>;
  /** What the next start would find if the backend crashed now. */
  readonly crash: (backend: Backend) => Promise<Backend>;
}

const modelKeys = ['a', 'b', 'c', 'd'];
const modelRows = fc.dictionary(fc.constantFrom(...modelKeys), fc.string({ maxLength: 3 }), { maxKeys: 3 });
const modelStep = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), rows: modelRows }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('remove' as const), key: fc.constantFrom(...modelKeys) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'stage' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('fill' as const), rows: modelRows }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'seal' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'install' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'discard' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'snapshot' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'crash' as const }) },
);
type ModelStep = typeof modelStep extends fc.Arbitrary<infer T> ? T : never;

/** Random steps against maps, snapshots and crashes among them. */
export async function stageModelTest(backends: Backends): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(modelStep, { minLength: 5, maxLength: 30, size: 'max' }), async (steps) => {
      const model = new StageModel(await backends.open(), backends);
      for (const step of steps) {
        await model.run(step);
        await model.check();
      }
      await model.finish();
    }),
    { numRuns: 30 },
  );
}

/** A backend beside two maps. Steps that do not fit the state are left out. */
class StageModel {
  #backend: Backend;
  readonly #backends: Backends;
  #present = new Map<string, string>();
  #stage: { handle: StagedBackend; rows: Map<string, string>; isSealed: boolean } | undefined;
  #snapshots: { snapshot: BackendSnapshot; rows: Map<string, string> }[] = [];

  constructor(backend: Backend, backends: Backends) {
    this.#backend = backend;
    this.#backends = backends;
  }

  async run(step: ModelStep): Promise<void> {
    switch (step.kind) {
      case 'write':
        await put(this.#backend, 'key', step.rows, true);
        for (const [key, value] of Object.entries(step.rows)) this.#present.set(key, value);
        break;
      case 'remove':
        await this.#backend.write([{ bucket: 'key', key: fromUtf8(step.key), value: undefined }], {
          sync: true,
        });
        this.#present.delete(step.key);
        break;
      case 'snapshot':
        this.#snapshots.push({ snapshot: this.#backend.snapshot(), rows: new Map(this.#present) });
        break;
      case 'stage':
        this.#stage = { handle: await this.#backend.stage(), rows: new Map(), isSealed: false };
        break;
      case 'crash':
        await this.#crash();
        break;
      default:
        await this.#runStaged(step);
    }
  }

  async #runStaged(step: ModelStep): Promise<void> {
    const stage = this.#stage;
    if (stage === undefined) return;
    if (step.kind === 'fill' && !stage.isSealed) {
      await put(stage.handle, 'key', step.rows);
      for (const [key, value] of Object.entries(step.rows)) stage.rows.set(key, value);
    } else if (step.kind === 'seal' && !stage.isSealed) {
      await stage.handle.seal();
      stage.isSealed = true;
    } else if (step.kind === 'install' && stage.isSealed) {
      await stage.handle.install();
      this.#present = stage.rows;
      this.#stage = undefined;
    } else if (step.kind === 'discard') {
      await stage.handle.discard();
      this.#stage = undefined;
    }
  }

  async #crash(): Promise<void> {
    await this.#checkSnapshots();
    const crashed = await this.#backends.crash(this.#backend);
    await this.#backend[Symbol.asyncDispose]();
    this.#backend = crashed;
    const handle = await crashed.sealedStage();
    expect(handle !== undefined).toBe(this.#stage?.isSealed === true);
    this.#stage = handle && this.#stage && { ...this.#stage, handle };
  }

  async check(): Promise<void> {
    expect(await all(this.#backend, 'key')).toEqual(sorted(this.#present));
    for (const key of modelKeys)
      expect(text(this.#backend.get('key', fromUtf8(key)))).toBe(this.#present.get(key));
    if (this.#stage !== undefined)
      expect(await all(this.#stage.handle, 'key')).toEqual(sorted(this.#stage.rows));
  }

  async finish(): Promise<void> {
    await this.#checkSnapshots();
    await this.#backend[Symbol.asyncDispose]();
  }

  async #checkSnapshots(): Promise<void> {
    for (const { snapshot, rows } of this.#snapshots) {
      expect(await all(snapshot, 'key')).toEqual(sorted(rows));
      await snapshot[Symbol.asyncDispose]();
    }
    this.#snapshots = [];
  }
}

function sorted(rows: ReadonlyMap<string, string>): [string, string][] {
  return [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
}
