import { globSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Whose tests start processes, take ports that were free a moment ago, or compare what they measure. */
const needQuiet = ['client', 'proxy', 'ctl', 'gateway', 'server', 'tools', 'e2e'];

/** Two files of other packages run at once on two cores; behind them come those that need quiet, one file at a time. */
const atOnce = (name: string) =>
  needQuiet.includes(name)
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

/** What serves calls runs a second time, on our own transport. */
const onLeanTransport = {
  extends: true as const,
  root: `${import.meta.dirname}/packages/rpc`,
  test: {
    name: 'rpc-lean',
    root: `${import.meta.dirname}/packages/rpc`,
    env: { QUORATE_TEST_TRANSPORT: 'lean' },
    ...atOnce('rpc'),
  },
};

export default defineConfig({
  test: {
    projects: [...projects, onLeanTransport],
    include: ['test/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
