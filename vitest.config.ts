import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Every package, app and tool is a project of its own: `npx vitest run --project raft` runs one. */
const projects = globSync(['packages/*', 'apps/*', 'e2e', 'tools'], { cwd: import.meta.dirname }).map(
  (folder) => ({
    extends: true as const,
    root: `${import.meta.dirname}/${folder}`,
    test: { name: basename(folder), root: `${import.meta.dirname}/${folder}` },
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
