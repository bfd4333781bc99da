import { expect, test, vi } from 'vitest';
import { compareCheckers } from './compare-checkers.ts';

vi.setConfig({ testTimeout: 120_000 });

/** `node bench/agreement.ts 1000000` asks ten times as many. */
const historyCount = 100_000;

test('by revisions, by search and by brute force the checkers say the same of random histories, right and wrong', () => {
  const { disagreements, rightCount, wrongCount, mutations } = compareCheckers(1, historyCount);
  expect(disagreements.slice(0, 3).join('\n\n')).toBe('');
  // The comparison is worth something only if it has seen plenty of both, and of every mutation.
  expect(rightCount).toBeGreaterThan(historyCount / 4);
  expect(wrongCount).toBeGreaterThan(historyCount / 8);
  for (const { count } of mutations.values()) expect(count).toBeGreaterThan(historyCount / 200);
});
