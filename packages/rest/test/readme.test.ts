import { runReadmeExample } from '@quorate/std/testing';
import { test } from 'vitest';

test('the example of the README works', async () => {
  await runReadmeExample(new URL('../README.md', import.meta.url));
});
