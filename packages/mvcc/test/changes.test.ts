import { fromUtf8 } from '@quorate/std';
import { MemoryBackend } from '@quorate/std/testing';
import { decodeKeyValue } from '@quorate/wire';
import { expect, test } from 'vitest';
import { MvccStore } from '../src/index.ts';

const onlyKey = { start: 'k', endExclusive: 'k\0' };

/** Values before each change of a transaction on key `k`, which held `before` (or nothing). */
async function previousValues(
  before: string | undefined,
  steps: readonly ('put' | 'delete')[],
): Promise<(string | undefined)[]> {
  const store = await MvccStore.open({ backend: new MemoryBackend() });
  if (before !== undefined) {
    const txn = store.beginWrite();
    txn.put(fromUtf8('k'), fromUtf8(before), 0n);
    txn.end();
  }
  const txn = store.beginWrite();
  for (const step of steps) {
    if (step === 'put') txn.put(fromUtf8('k'), fromUtf8('within'), 0n);
    else txn.deleteRange(onlyKey);
  }
  const { changes } = txn.end();
  return changes.map(({ prev }) => prev && Buffer.from(decodeKeyValue(prev).value).toString());
}

test('a change tells the key-value of the revision before, also where its transaction changed the key before', async () => {
  expect(await previousValues('old', ['put', 'delete'])).toEqual(['old', 'old']);
  expect(await previousValues('old', ['delete', 'put'])).toEqual(['old', 'old']);
  expect(await previousValues(undefined, ['put', 'delete'])).toEqual([undefined, undefined]);
  expect(await previousValues(undefined, ['put', 'delete', 'put'])).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
