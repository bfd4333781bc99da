import { runReadmeExample } from '@quorate/std/testing';
import { expect, test, vi } from 'vitest';
import { etcdBinFolder, startRealEtcd } from '../src/testing/index.ts';

// A server is started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

test.skipIf(etcdBinFolder === undefined)(
  'the example of the README holds (set QUORATE_ETCD_BIN to run)',
  async () => {
    await using server = await startRealEtcd(etcdBinFolder ?? '');
    process.env['ETCD_ENDPOINT'] = server.endpoint;
    await expect(runReadmeExample(new URL('../README.md', import.meta.url))).resolves.toBeUndefined();
  },
);
