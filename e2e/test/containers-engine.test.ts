import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NoEngineError } from '../src/containers/engine.ts';
import { obstacleTo } from '../src/containers/private-engine.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-engine-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What `npm run e2e` says and ends with, in an environment without an engine. */
async function runWithout(env: Readonly<Record<string, string>>) {
  const main = join(import.meta.dirname, '../src/containers/main.ts');
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { output, errors, code: child.exitCode };
}

test('where the engine that was named does not answer, the suite says so, and fails', async () => {
  const host = `unix://${join(folder, 'nothing.sock')}`;
  const { output, errors, code } = await runWithout({ DOCKER_HOST: host });
  expect(errors).toContain(`DOCKER_HOST is ${host}, and no container engine answers there`);
  expect(output.trimEnd().split('\n').at(-1)).toBe('0 passed, 1 failed');
  expect(code).toBe(1);
});

test('where nothing that could be an engine is installed, the suite says what to install, and fails', async () => {
  expect(obstacleTo(['sh', 'no-such-program'], 'install it')).toEqual({
    reason: 'no-such-program not found',
    remedy: 'install it',
  });
  const error = new NoEngineError([
    {
      engine: 'docker',
      reason: 'dockerd not found',
      remedy: 'on Debian, as root: apt-get install docker.io',
    },
    { engine: 'podman', reason: 'podman not found', remedy: 'on Debian, as root: apt-get install podman' },
  ]);
  expect(error.message).toBe(
    [
      'no container engine answers, and none can be started:',
      '  docker: dockerd not found',
      '    on Debian, as root: apt-get install docker.io',
      '  podman: podman not found',
      '    on Debian, as root: apt-get install podman',
    ].join('\n'),
  );
});
