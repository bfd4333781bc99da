import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test, vi } from 'vitest';
import { etcdBinFolder, startRealEtcd } from '../src/testing/index.ts';

// A server is started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const readme = fileURLToPath(new URL('../README.md', import.meta.url));
const examples = [...readFileSync(readme, 'utf8').matchAll(/^```ts\n([^]*?)^```/gm)].map(
  ([, code = '']) => code,
);

test('the README has an example of keys, and one of users', () => {
  expect(examples).toHaveLength(2);
});

test.skipIf(etcdBinFolder === undefined).each(examples)(
  'example %# of the README holds (set QUORATE_ETCD_BIN to run)',
  async (code) => {
    await using server = await startRealEtcd(etcdBinFolder ?? '');
    const run = promisify(execFile)(
      process.execPath,
      ['--no-warnings', '--input-type=module-typescript', '--eval', code],
      {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...process.env, ETCD_ENDPOINT: server.endpoint },
      },
    );
    await expect(run).resolves.toMatchObject({ stderr: '' });
  },
);
