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

/** A project that names fewer runs those only: lists of a project and of what it extends would be joined. */
const allTests = ['test/**/*.test.ts'];

/** Every package, app and tool is a project of its own: `npx vitest run --project raft` runs one. */
const projects = globSync(['packages/*', 'apps/*', 'e2e', 'tools'], { cwd: import.meta.dirname }).map(
  (folder) => ({
    extends: true as const,
    root: `${import.meta.dirname}/${folder}`,
    test: {
      name: basename(folder),
      root: `${import.meta.dirname}/${folder}`,
      include: allTests,
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
    include: allTests,
    ...atOnce('rpc'),
  },
};

/** And a third time in I/O threads, as far as tests leave it to `serve` how a member is served. */
const inIoThreads = {
  ...onLeanTransport,
  test: {
    ...onLeanTransport.test,
    name: 'rpc-threads',
    env: { QUORATE_TEST_TRANSPORT: 'threads' },
    include: ['cluster', 'snapshot', 'require-leader', 'empty-streams'].map((name) => `test/${name}.test.ts`),
  },
};

/**
 * Members and proxies serve with our own transport unless they are told otherwise; what clients can see of a transport is tested
 * on grpc-js as well: calls and their ends, TLS, HTTP on the same port, limits, metrics, traces, users.
 */
const onGrpcJs = Object.entries({
  'apps/server': ['start-server', 'debug', 'metrics', 'tracing', 'socket-options'],
  'packages/proxy': ['grpc-proxy', 'grpc-proxy-auth'],
  'packages/client': ['auth', 'calls', 'keepalive', 'snapshot', 'tls', 'tokens', 'watch'],
}).map(([folder, files]) => ({
  extends: true as const,
  root: `${import.meta.dirname}/${folder}`,
  test: {
    name: `${basename(folder)}-grpc-js`,
    root: `${import.meta.dirname}/${folder}`,
    setupFiles: [`${import.meta.dirname}/apps/server/test/on-grpc-js.ts`],
    include: files.map((file) => `test/${file}.test.ts`),
    ...atOnce(basename(folder)),
  },
}));

export default defineConfig({
  test: {
    projects: [...projects, onLeanTransport, inIoThreads, ...onGrpcJs],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
