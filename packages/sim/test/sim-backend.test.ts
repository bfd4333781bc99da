import { ChangeList, fromUtf8, toUtf8, type BucketChange } from '@quorate/std';
import { backendSuite } from '@quorate/std/testing';
import { expect, test } from 'vitest';
import { Chance } from '../src/world/chance.ts';
import { SimProcess } from '../src/world/process.ts';
import { SimBackend } from '../src/world/sim-backend.ts';
import { StoredBackend } from '../src/world/stored-backend.ts';
import { Timeline } from '../src/world/timeline.ts';

/** A process for which everything is done at once. */
class HastyProcess extends SimProcess {
  constructor() {
    const clockError = { rate: 1, startMs: 0, wallOffsetMs: 0 };
    super({ machine: 'm1', timeline: new Timeline(new Chance(1)), chance: new Chance(2), clockError });
  }

  override async wait<T>(_delayMs: number, _label: string, result: () => T): Promise<T> {
    return result();
  }
}

class TestBackend extends SimBackend {
  readonly stored: StoredBackend;

  constructor(stored: StoredBackend) {
    super({ stored, process: new HastyProcess(), chance: new Chance(3), writeMs: 1 });
    this.stored = stored;
  }
}

await backendSuite(
  'SimBackend',
  async () => new TestBackend(new StoredBackend()),
  async ({ stored }) => new TestBackend(stored.copy()),
);

function batch(value: string): BucketChange[] {
  const changes = new ChangeList();
  changes.put('key', fromUtf8('k'), fromUtf8(value));
  changes.put('meta', fromUtf8('index'), fromUtf8(value));
  return changes.changes;
}

test('a loss of power takes the newest batches that were not synced, whole ones, and no others', () => {
  const left = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const stored = new StoredBackend();
    stored.write(batch('1'), { sync: false });
    stored.write(batch('2'), { sync: true });
    stored.write(batch('3'), { sync: false });
    stored.write(batch('4'), { sync: false });
    stored.losePower(new Chance(seed));
    const read = (bucket: 'key' | 'meta', key: string): string =>
      toUtf8(stored.live.get(bucket, fromUtf8(key)) ?? new Uint8Array(0));
    expect(read('key', 'k')).toBe(read('meta', 'index'));
    left.add(read('key', 'k'));
  }
  expect(left).toEqual(new Set(['2', '3', '4']));
});
