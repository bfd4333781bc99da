import { test } from 'vitest';
import { runReadmeExample } from '@quorate/std/testing';

test(
  'the example of the README does what it says',
  () => runReadmeExample(new URL('../README.md', import.meta.url)),
  60_000,
);
