import { defineConfig } from 'vitest/config';

/** Clusters in containers: `npm run e2e` finds an engine and builds the images before it runs these. */
export default defineConfig({
  test: {
    name: 'containers',
    root: import.meta.dirname,
    include: ['*.test.ts'],
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 120_000,
  },
});
