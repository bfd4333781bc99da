import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is known of a checkout. */
export interface CheckoutFacts {
  readonly version: string;
  readonly licenses: string;
  /** Where the sources are; empty where no manifest says so. */
  readonly source: string;
  /** The commit, with `-dirty` behind it where files differ; empty outside of a repository. */
  readonly revision: string;
  /** Of the commit; the beginning of time outside of a repository. `SOURCE_DATE_EPOCH` decides where it is set. */
  readonly time: Date;
}

/** Reads what images say of the sources they were made from. */
export function checkoutFacts(root: string, env: NodeJS.ProcessEnv = process.env): CheckoutFacts {
  // Our own manifest, which other tools check.
  const manifest = JSON.parse(readFileSync(join(root, 'apps/server/package.json'), 'utf8')) as {
    readonly version: string;
    readonly license: string;
    readonly repository?: string | { readonly url: string };
  };
  const { repository } = manifest;
  const commit = git(root, 'rev-parse', 'HEAD');
  const isDirty = git(root, 'status', '--porcelain', '--untracked-files=no') !== '';
  const seconds = env['SOURCE_DATE_EPOCH'] ?? git(root, 'log', '-1', '--format=%ct');
  return {
    version: manifest.version,
    licenses: manifest.license,
    source: webAddress(typeof repository === 'object' ? repository.url : (repository ?? '')),
    revision: env['QUORATE_REVISION'] ?? (isDirty ? `${commit}-dirty` : commit),
    time: new Date(Number(seconds) * 1000),
  };
}

/** `git+https://…/x.git`, as npm has it, is a page at `https://…/x`. */
export function webAddress(repository: string): string {
  return repository.replace(/^git\+/, '').replace(/\.git$/, '');
}

/** What git says; nothing where there is no git or no repository. */
function git(root: string, ...args: readonly string[]): string {
  const { status, stdout } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}
