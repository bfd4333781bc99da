import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chartWithVersion } from './chart-version.ts';
import { ChangelogError, closeChangelog } from './close-changelog.ts';
import { lastTag } from './commits.ts';
import { nxChangelog, nxVersion } from './nx-release.ts';
import { CommandError, run } from './run.ts';

/**
 * `npm run release -- 0.2.0`: makes a version of what is committed. Every package and the Helm chart get it, CHANGELOG.md its heading,
 * HISTORY.md the commits, git a commit and a tag `v0.2.0`. Nothing is pushed and nothing published: see docs/releasing.md.
 */
const root = resolve(import.meta.dirname, '../../..');
try {
  await cut(process.argv[2] ?? '');
} catch (error) {
  if (!(error instanceof ChangelogError || error instanceof CommandError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function cut(version: string): Promise<void> {
  if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) {
    throw new ChangelogError('say which version: npm run release -- 0.2.0');
  }
  const changed = await run('git', ['status', '--porcelain', '--untracked-files=no'], { cwd: root });
  if (changed !== '') throw new ChangelogError(`commit or put away what has changed first:\n${changed}`);
  const file = join(root, 'CHANGELOG.md');
  const closed = closeChangelog(readFileSync(file, 'utf8'), version, new Date().toISOString().slice(0, 10));
  const chartFile = join(root, 'deploy/helm/quorate/Chart.yaml');
  const chart = chartWithVersion(readFileSync(chartFile, 'utf8'), version);
  const next = { version, isFirst: (await lastTag(root)) === undefined, dryRun: false };
  await nxVersion({ root }, next);
  writeFileSync(file, closed);
  writeFileSync(chartFile, chart);
  await run('git', ['add', file, chartFile], { cwd: root });
  await nxChangelog({ root }, next);
  process.stdout.write(`v${version} is committed and tagged; docs/releasing.md says how it is published\n`);
}
