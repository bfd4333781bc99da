import { afterEach, describe, expect, test } from 'vitest';
import { buckets, ChangeList, type Backend, type BackendSnapshot, type StagedBackend } from '../backend.ts';
import { fromUtf8, toUtf8 } from '../bytes.ts';
import { all, put, rowsOf, text } from './bucket-rows.ts';
import { stageModelTest, type Backends } from './stage-model.ts';

/** The tests of snapshots and stages. */
export function defineStageSuite<B extends Backend>(
  open: () => Promise<B>,
  crash: (backend: B) => Promise<B>,
): void {
  const opened = new Map<Backend, B>();
  const noted = (backend: B): Backend => {
    opened.set(backend, backend);
    return backend;
  };
  const backends: Backends = {
    open: async () => noted(await open()),
    crash: async (backend) => noted(await crash(opened.get(backend)!)),
  };
  afterEach(async () => {
    for (const backend of opened.values()) await backend[Symbol.asyncDispose]();
    opened.clear();
  });

  describe('snapshot', () => snapshotTests(backends));
  describe('stage', () => stageTests(backends));
  describe('a stage and crashes', () => crashTests(backends));
  test(
    'slots, snapshots and crashes do what sets of sorted maps do',
    () => stageModelTest(backends),
    120_000,
  );
}

function snapshotTests({ open }: Backends): void {
  test('it has the rows as of its call, in all buckets, however they go on', async () => {
    const backend = await open();
    await put(backend, 'key', { a: '1', b: '2' });
    await put(backend, 'meta', { m: '1' });
    await using snapshot = backend.snapshot();
    const changes = new ChangeList();
    changes.delete('key', fromUtf8('a'));
    changes.put('key', fromUtf8('b'), fromUtf8('new'));
    changes.put('meta', fromUtf8('n'), fromUtf8('2'));
    await backend.write(changes.changes, { sync: false });
    expect(await all(snapshot, 'key')).toEqual([
      ['a', '1'],
      ['b', '2'],
    ]);
    expect(await all(snapshot, 'meta')).toEqual([['m', '1']]);
    expect(await all(snapshot, 'auth')).toEqual([]);
    expect(await all(backend, 'key')).toEqual([['b', 'new']]);
  });

  test('it can be scanned within bounds', async () => {
    const backend = await open();
    await put(backend, 'key', { a: '1', b: '2', c: '3' });
    await put(backend, 'lease', { a: '1' });
    await using snapshot = backend.snapshot();
    const range = { start: fromUtf8('b'), endExclusive: fromUtf8('c') };
    expect(await all(snapshot, 'key', range)).toEqual([['b', '2']]);
    expect(await all(snapshot, 'key', { start: fromUtf8('c') })).toEqual([['c', '3']]);
    expect(await all(snapshot, 'key', { endExclusive: fromUtf8('b') })).toEqual([['a', '1']]);
    expect(await all(snapshot, 'key', { start: fromUtf8('c'), endExclusive: fromUtf8('b') })).toEqual([]);
  });

  test('any number of scans go on side by side', async () => {
    const backend = await open();
    await putMany(backend, 1000, 'key');
    await putMany(backend, 700, 'lease');
    await using snapshot = backend.snapshot();
    await putMany(backend, 2000, 'key');
    const counts = await Promise.all([
      countRows(snapshot),
      countRows(snapshot, 'lease'),
      countRows(snapshot),
      countRows(snapshot, 'auth'),
    ]);
    expect(counts).toEqual([1000, 700, 1000, 0]);
    for await (const _rows of snapshot.scan('key')) break;
    expect(await countRows(snapshot)).toBe(1000);
  });

  test('several see each their own moment, and disposing of one leaves the others', async () => {
    const backend = await open();
    await put(backend, 'key', { a: '1' });
    const first = backend.snapshot();
    await put(backend, 'key', { a: '2' });
    await using second = backend.snapshot();
    await put(backend, 'key', { a: '3' });
    expect(await all(first, 'key')).toEqual([['a', '1']]);
    await first[Symbol.asyncDispose]();
    await first[Symbol.asyncDispose]();
    expect(await all(second, 'key')).toEqual([['a', '2']]);
    await expect(all(first, 'key')).rejects.toThrow();
  });

  test('a backend can be disposed of while a snapshot is there', async () => {
    const backend = await open();
    await put(backend, 'key', { a: '1' });
    const snapshot = backend.snapshot();
    await backend[Symbol.asyncDispose]();
    await snapshot[Symbol.asyncDispose]();
  });
}

function stageTests({ open }: Backends): void {
  test('what is staged is read there and nowhere else', async () => {
    const backend = await open();
    await put(backend, 'key', { old: '1' });
    const stage = await backend.stage();
    expect(await all(stage, 'key')).toEqual([]);
    await put(stage, 'key', { new: '1' });
    await put(stage, 'meta', { new: '2' });
    expect(text(stage.get('key', fromUtf8('new')))).toBe('1');
    expect(stage.get('key', fromUtf8('old'))).toBeUndefined();
    expect(await all(stage, 'meta')).toEqual([['new', '2']]);
    expect(backend.get('key', fromUtf8('new'))).toBeUndefined();
    expect(await all(backend, 'key')).toEqual([['old', '1']]);
    await stage.seal();
    expect(await all(backend, 'key')).toEqual([['old', '1']]);
    expect(await all(backend, 'meta')).toEqual([]);
  });

  test('writes to the present rows go on beside it', async () => {
    const backend = await open();
    const stage = await backend.stage();
    const writes: Promise<void>[] = [];
    for (let i = 0; i < 20; i++) {
      writes.push(put(backend, 'key', { same: `present ${i}` }, i % 5 === 0));
      writes.push(put(stage, 'key', { same: `staged ${i}` }));
    }
    await Promise.all(writes);
    expect(await all(backend, 'key')).toEqual([['same', 'present 19']]);
    expect(await all(stage, 'key')).toEqual([['same', 'staged 19']]);
  });

  test('installing replaces every bucket', async () => {
    const backend = await open();
    for (const bucket of buckets) await put(backend, bucket, { old: bucket, both: 'old' });
    await installed(backend, { new: '1', both: 'new' });
    expect(backend.get('key', fromUtf8('old'))).toBeUndefined();
    expect(text(backend.get('key', fromUtf8('both')))).toBe('new');
    for (const bucket of buckets) {
      const expected = [
        ['both', 'new'],
        ['new', '1'],
      ];
      expect(await all(backend, bucket)).toEqual(bucket === 'key' ? expected : []);
    }
    expect(await backend.sealedStage()).toBeUndefined();
  });

  test('what was opened on the stage and the backend then are one', async () => {
    const backend = await open();
    const stage = await installed(backend, { a: '1' });
    await put(backend, 'key', { b: '2' });
    expect(text(stage.get('key', fromUtf8('b')))).toBe('2');
    expect(await all(stage, 'key')).toEqual(await all(backend, 'key'));
    await stage.discard(); // Harmless, for there is nothing staged any more.
    expect(await all(backend, 'key')).toHaveLength(2);
  });

  test('a write that was called for before installing is in the old rows, one called for after in the new', async () => {
    const backend = await open();
    const stage = await backend.stage();
    await stage.seal();
    const work = [
      put(backend, 'key', { before: '1' }),
      stage.install(),
      put(backend, 'key', { after: '1' }, true),
    ];
    await Promise.all(work);
    expect(await all(backend, 'key')).toEqual([['after', '1']]);
  });

  test('snapshots and scans of the old rows go on after installing', async () => {
    const backend = await open();
    await putMany(backend, 1000);
    await using snapshot = backend.snapshot();
    let scanned = 0;
    for await (const rows of backend.scan('key')) {
      if (scanned === 0) {
        await installed(backend, { new: '1' });
        await (await backend.stage()).discard(); // By now the old rows are removed.
      }
      scanned += rows.length;
    }
    expect(scanned).toBe(1000);
    expect(await countRows(snapshot)).toBe(1000);
    expect(await countRows(backend)).toBe(1);
  });

  test('a stage that is thrown away leaves nothing, and the next one is empty', async () => {
    const backend = await open();
    await put(backend, 'key', { old: '1' });
    for (const isSealed of [false, true]) {
      const stage = await backend.stage();
      await put(stage, 'key', { new: '1' });
      if (isSealed) await stage.seal();
      await stage.discard();
      await stage.discard();
      expect(await backend.sealedStage()).toBeUndefined();
    }
    expect(await all(await backend.stage(), 'key')).toEqual([]);
    expect(await all(backend, 'key')).toEqual([['old', '1']]);
  });

  test('a new stage throws the one before away, sealed or not', async () => {
    const backend = await open();
    for (const isSealed of [false, true]) {
      const first = await backend.stage();
      await put(first, 'key', { first: '1' });
      if (isSealed) await first.seal();
      const second = await backend.stage();
      expect(await backend.sealedStage()).toBeUndefined();
      expect(await all(second, 'key')).toEqual([]);
      await expect(put(first, 'key', { late: '1' })).rejects.toMatchObject({ name: 'InvariantError' });
      await put(second, 'key', { second: '1' });
      expect(await all(second, 'key')).toEqual([['second', '1']]);
    }
  });

  test('stages that are asked for at once come one after the other, and the last one stands', async () => {
    const backend = await open();
    const [, second] = await Promise.all([backend.stage(), backend.stage()]);
    await put(second, 'key', { a: '1' });
    await second.seal();
    await second.install();
    expect(await all(backend, 'key')).toEqual([['a', '1']]);
  });

  test('sets of buckets are installed again and again', async () => {
    const backend = await open();
    for (let round = 0; round < 5; round++) {
      await put(backend, 'lease', { [`lease ${round}`]: '1' });
      await installed(backend, { [`round ${round}`]: '1' });
      expect(await all(backend, 'key')).toEqual([[`round ${round}`, '1']]);
      expect(await all(backend, 'lease')).toEqual([]);
    }
  });

  test('the steps come in order: write, seal, install', async () => {
    const backend = await open();
    const stage = await backend.stage();
    const outOfOrder = { name: 'InvariantError' };
    await expect(stage.install()).rejects.toMatchObject(outOfOrder);
    await stage.seal();
    await expect(put(stage, 'key', { a: '1' })).rejects.toMatchObject(outOfOrder);
    await expect(stage.seal()).rejects.toMatchObject(outOfOrder);
    await stage.install();
    await expect(stage.install()).rejects.toMatchObject(outOfOrder);
  });

  test('while 100,000 rows are staged, installed and removed, others read, write and have their turn', async () => {
    const backend = await open();
    const rowCount = 100_000;
    const batchRows = 1000;
    for (const round of ['first', 'second']) {
      const stage = await backend.stage();
      let turns = 0;
      let isStaging = true;
      const others = (async (): Promise<void> => {
        for (; isStaging; turns++) {
          await put(backend, 'meta', { turns: `${round} ${turns}` });
          expect(text(backend.get('meta', fromUtf8('turns')))).toBe(`${round} ${turns}`);
          await new Promise(setImmediate);
        }
      })();
      for (let at = 0; at < rowCount; at += batchRows) {
        await stage.write(manyChanges(at, at + batchRows).changes);
        await new Promise(setImmediate);
      }
      isStaging = false;
      await others;
      expect(turns).toBeGreaterThan(rowCount / batchRows / 4);
      await stage.seal();
      await stage.install();
      expect(await countRows(backend)).toBe(rowCount);
      expect(await all(backend, 'meta')).toEqual([]);
    }
    await put(backend, 'meta', { a: '1' }, true);
    expect(await countRows(await backend.stage())).toBe(0);
    expect(await countRows(backend)).toBe(rowCount);
  }, 120_000);
}

function crashTests({ open, crash }: Backends): void {
  test('before it is sealed nothing of it is left', async () => {
    const backend = await open();
    await put(backend, 'key', { old: '1' }, true);
    await put(await backend.stage(), 'key', { new: '1' });
    const next = await crash(backend);
    expect(await next.sealedStage()).toBeUndefined();
    expect(await all(next, 'key')).toEqual([['old', '1']]);
    expect(await all(await next.stage(), 'key')).toEqual([]);
  });

  test('once it is sealed it is found, whole, and can be installed', async () => {
    const backend = await open();
    await put(backend, 'key', { old: '1' }, true);
    const stage = await backend.stage();
    for (let i = 0; i < 10; i++) await put(stage, 'key', { [`new ${i}`]: '1' });
    await stage.seal();
    const next = await crash(backend);
    expect(await all(next, 'key')).toEqual([['old', '1']]);
    const found = await next.sealedStage();
    expect(await all(found!, 'key')).toEqual(await all(stage, 'key'));
    await expect(put(found!, 'key', { late: '1' })).rejects.toMatchObject({ name: 'InvariantError' });
    await found!.install();
    expect(await all(next, 'key')).toHaveLength(10);
    expect(await next.sealedStage()).toBeUndefined();
    const last = await crash(next);
    expect(await all(last, 'key')).toHaveLength(10);
  });

  test('a sealed one is found again until it is installed or thrown away', async () => {
    const backend = await open();
    const stage = await backend.stage();
    expect(await backend.sealedStage()).toBeUndefined();
    await put(stage, 'key', { a: '1' });
    await stage.seal();
    expect(await backend.sealedStage()).toBe(stage);
    const next = await crash(await crash(backend));
    await (await next.sealedStage())!.discard();
    const last = await crash(next);
    expect(await last.sealedStage()).toBeUndefined();
    expect(await all(await last.stage(), 'key')).toEqual([]);
  });

  test('once it is installed only its rows are there', async () => {
    const backend = await open();
    await put(backend, 'key', { old: '1' }, true);
    await put(backend, 'lease', { old: '1' }, true);
    await installed(backend, { new: '1' });
    const next = await crash(backend);
    expect(await all(next, 'key')).toEqual([['new', '1']]);
    expect(await all(next, 'lease')).toEqual([]);
    expect(await next.sealedStage()).toBeUndefined();
    expect(await all(await next.stage(), 'key')).toEqual([]);
  });

  test('a new stage that nobody seals does not bring the old one back', async () => {
    const backend = await open();
    const first = await backend.stage();
    await put(first, 'key', { first: '1' });
    await first.seal();
    await put(await backend.stage(), 'key', { second: '1' });
    expect(await (await crash(backend)).sealedStage()).toBeUndefined();
  });
}

/** Installs a set of buckets with these rows in `key`. */
async function installed(backend: Backend, rows: Readonly<Record<string, string>>): Promise<StagedBackend> {
  const stage = await backend.stage();
  await put(stage, 'key', rows);
  await stage.seal();
  await stage.install();
  return stage;
}

function manyChanges(from: number, endExclusive: number, bucket: 'key' | 'lease' = 'key'): ChangeList {
  const changes = new ChangeList();
  for (let i = from; i < endExclusive; i++) {
    changes.put(bucket, fromUtf8(String(i).padStart(8, '0')), fromUtf8(`value ${i}`));
  }
  return changes;
}

async function putMany(backend: Backend, count: number, bucket: 'key' | 'lease' = 'key'): Promise<void> {
  await backend.write(manyChanges(0, count, bucket).changes, { sync: false });
}

/** Counts rows that `manyChanges` made or any others, checking that keys ascend. */
async function countRows(
  backend: Pick<BackendSnapshot, 'scan'>,
  bucket: 'key' | 'lease' | 'auth' = 'key',
): Promise<number> {
  let count = 0;
  let last = '';
  for (const [key] of await rowsOf(backend, bucket)) {
    expect(toUtf8(key) > last).toBe(true);
    last = toUtf8(key);
    count++;
  }
  return count;
}
