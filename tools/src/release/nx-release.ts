import { join } from 'node:path';
import { run } from './run.ts';

/** Where nx runs, and what stops it. */
export interface NxOptions {
  readonly root: string;
  readonly signal?: AbortSignal;
}

/** nx draws nothing, leaves no daemon behind, and asks nobody. */
const quiet = { NX_DAEMON: 'false', NX_TUI: 'false', CI: 'true', FORCE_COLOR: '0', NO_COLOR: '1' };

/** Publishes `dist/` of every package to a registry. */
export async function nxPublish(
  { root, signal }: NxOptions,
  registry: { readonly url: string; readonly userConfig: string; readonly cache: string },
): Promise<string> {
  return run('npx', ['nx', 'release', 'publish', `--registry=${registry.url}`, '--first-release'], {
    cwd: root,
    ...(signal !== undefined && { signal }),
    env: {
      ...quiet,
      NPM_CONFIG_USERCONFIG: registry.userConfig,
      NPM_CONFIG_CACHE: registry.cache,
    },
  });
}

/** Which version, and whether there is an older one to compare with. */
export interface NextVersion {
  readonly version: string;
  readonly isFirst: boolean;
  /** Tell what would be written, and write nothing. */
  readonly dryRun: boolean;
}

/** Writes a version into all manifests and the lockfile, and stages them; returns what nx says of it. */
export async function nxVersion(options: NxOptions, next: NextVersion): Promise<string> {
  return runQuietly('npx', ['nx', 'release', 'version', ...flagsOf(next)], options);
}

/** Writes the commits since the last version into HISTORY.md, commits what is staged, and tags it; returns what nx says. */
export async function nxChangelog(options: NxOptions, next: NextVersion): Promise<string> {
  const script = join(import.meta.dirname, 'history.ts');
  return runQuietly(process.execPath, [script, ...flagsOf(next)], options);
}

function flagsOf({ version, isFirst, dryRun }: NextVersion): string[] {
  return [version, ...(isFirst ? ['--first-release'] : []), ...(dryRun ? ['--dry-run'] : [])];
}

function runQuietly(command: string, args: readonly string[], { root, signal }: NxOptions): Promise<string> {
  return run(command, args, { cwd: root, env: quiet, ...(signal !== undefined && { signal }) });
}
