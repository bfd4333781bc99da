import { test } from 'vitest';
import { rocksAvailable } from '../src/index.ts';
import { runReadmeExample } from '@quorate/std/testing';

test.skipIf(!rocksAvailable())(
  'the example of the README does what it says',
  () => runReadmeExample(new URL('../README.md', import.meta.url)),
  60_000,
);
