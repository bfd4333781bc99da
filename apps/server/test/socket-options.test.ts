import { freePort } from '@quorate/std/testing';
import { describe, expect, test } from 'vitest';
import { startServer } from '../src/index.ts';

describe.skipIf(process.platform !== 'linux')('with --socket-reuse-port', () => {
  test('two servers listen on one port, and each goes on when the other ends', async () => {
    const listenClientUrls = [`http://127.0.0.1:${await freePort()}`];
    const isServed = async (): Promise<boolean> => (await fetch(`${listenClientUrls[0]}/version`)).ok;
    const first = await startServer({ listenClientUrls, socketReusePort: true });
    const second = await startServer({ listenClientUrls, socketReusePort: true });
    expect(await isServed()).toBe(true);
    await first.close();
    expect(await isServed()).toBe(true);
    await second.close();
    await expect(isServed()).rejects.toThrow();
  });
});

test('without it, the second is refused', async () => {
  const listenClientUrls = [`http://127.0.0.1:${await freePort()}`];
  await using first = await startServer({ listenClientUrls });
  expect(first.endpoints).toEqual(listenClientUrls);
  await expect(startServer({ listenClientUrls })).rejects.toThrow('another process listens there');
});

test('memory is not locked, and it says what to do instead', async () => {
  await expect(startServer({ memoryMlock: true })).rejects.toThrow(
    'memoryMlock: Node cannot lock memory; forbid swapping to the member instead',
  );
});
