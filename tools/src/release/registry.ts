import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@quorate/std/testing';

/** A registry of packages on this machine that holds what is published to it, and nothing else. */
export interface LocalRegistry extends AsyncDisposable {
  /** Such as `http://127.0.0.1:30123/`. */
  readonly url: string;
  /** A file of settings for npm with which it may publish here. */
  readonly userConfig: string;
  /** Where the tarball of a published package is. */
  tarball(name: string, version: string): string;
}

/**
 * Starts verdaccio in a folder of its own. It asks no other registry: whoever installs from here takes only the scope
 * `@quorate` from here, so a package of ours that was not published is missing and cannot come from elsewhere.
 */
export async function startRegistry(root: string, dir: string): Promise<LocalRegistry> {
  mkdirSync(dir, { recursive: true });
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/`;
  const config = join(dir, 'config.yaml');
  writeFileSync(config, JSON.stringify(settings(dir)));
  const userConfig = join(dir, 'npmrc');
  // npm publishes only with a token; this registry lets everybody in.
  writeFileSync(userConfig, `//127.0.0.1:${port}/:_authToken=anybody\n`);
  const child = fork(
    join(root, 'node_modules/verdaccio/bin/verdaccio'),
    ['--config', config, '--listen', `127.0.0.1:${port}`],
    { cwd: dir, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text) => (output += String(text)));
  const ended = once(child, 'exit');
  const started = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
  if (started === undefined) throw new Error(`verdaccio ended before it served:\n${output}`);
  return {
    url,
    userConfig,
    tarball: (name, version) => join(dir, 'storage', name, `${name.split('/')[1] ?? name}-${version}.tgz`),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await ended;
    },
  };
}

/** verdaccio's settings; YAML reads JSON. */
function settings(dir: string): object {
  return {
    storage: join(dir, 'storage'),
    auth: { htpasswd: { file: join(dir, 'htpasswd'), max_users: -1 } },
    uplinks: {},
    packages: { '@quorate/*': { access: '$all', publish: '$all', unpublish: '$all' } },
    publish: { allow_offline: true },
    web: { enable: false },
    max_body_size: '50mb',
    log: { type: 'stdout', format: 'pretty', level: 'error' },
  };
}
