import { runReadmeExample } from '@quorate/std/testing';
import { test } from 'vitest';

test('the example of the README runs', async () => {
  await runReadmeExample(new URL('../README.md', import.meta.url));
});
