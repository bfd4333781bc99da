import { getHeapSpaceStatistics } from 'node:v8';
import { expect, test } from 'vitest';
import { boundYoungGeneration } from '../src/young-generation.ts';

test('the space that is bounded is one that V8 tells of, and V8 knows the flag', () => {
  const end = boundYoungGeneration();
  const names = getHeapSpaceStatistics().map(({ space_name: name }) => name);
  expect(names).toContain('new_space');
  end();
});
