import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: ['packages/*', 'apps/*', 'e2e', 'tools'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
