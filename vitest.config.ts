import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';

/**
 * Tests of a package wait for nobody, so two of their files run at once on two cores. Those of `e2e` start processes of
 * their own and compare what they measure: they come behind all others, one file at a time.
 */
const atOnce = (name: string) =>
  name === 'e2e'
    ? { sequence: { groupOrder: 1 }, maxWorkers: 1 }
    : { sequence: { groupOrder: 0 }, maxWorkers: Math.max(1, availableParallelism()) };

/** Every package, app and tool is a project of its own: `npx vitest run --project raft` runs one. */
const projects = globSync(['packages/*', 'apps/*', 'e2e', 'tools'], { cwd: import.meta.dirname }).map(
  (folder) => ({
    extends: true as const,
    root: `${import.meta.dirname}/${folder}`,
    test: {
      name: basename(folder),
      root: `${import.meta.dirname}/${folder}`,
      ...atOnce(basename(folder)),
    },
  }),
);

export default defineConfig({
  test: {
    projects,
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
