import { test } from 'vitest';
import { runReadmeExample } from '@quorate/std/testing';

test('the example in the README does what it says', { timeout: 60_000 }, async () => {
  await runReadmeExample(new URL('../README.md', import.meta.url));
});
