import { startQuorate } from '@quorate/client/testing';
import { runReadmeExample } from '@quorate/std/testing';
import { test, vi } from 'vitest';

test('the example of the README runs', async () => {
  await using member = await startQuorate();
  vi.stubEnv('ETCD_ENDPOINT', member.endpoint);
  try {
    await runReadmeExample(new URL('../README.md', import.meta.url));
  } finally {
    vi.unstubAllEnvs();
  }
});
