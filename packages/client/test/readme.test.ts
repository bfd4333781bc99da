import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { etcdBinFolder, startQuorate, startRealEtcd, type StartedServer } from '../src/testing/index.ts';

// A server is started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const readme = fileURLToPath(new URL('../README.md', import.meta.url));
const examples = [...readFileSync(readme, 'utf8').matchAll(/^```ts\n([^]*?)^```/gm)].map(
  ([, code = '']) => code,
);

test('the README has an example of each thing', () => {
  expect(examples).toHaveLength(6);
});

function holds(start: () => Promise<StartedServer>): (code: string) => Promise<void> {
  return async (code) => {
    await using server = await start();
    const run = promisify(execFile)(
      process.execPath,
      ['--no-warnings', '--input-type=module-typescript', '--eval', code],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...process.env, ETCD_ENDPOINT: server.endpoint },
      },
    );
    await expect(run).resolves.toMatchObject({ stderr: '' });
  };
}

test.each(examples)('example %# of the README holds', holds(startQuorate));

test.skipIf(etcdBinFolder === undefined).each(examples)(
  'example %# of the README holds with a real etcd (set QUORATE_ETCD_BIN to run)',
  holds(() => startRealEtcd(etcdBinFolder ?? '')),
);
