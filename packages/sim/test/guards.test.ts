import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { EscapeError, runGuarded } from '../src/world/guards.ts';

const escapes: Record<string, () => unknown> = {
  'Date.now': () => Date.now(),
  'new Date': () => new Date(),
  'Math.random': () => Math.random(),
  'performance.now': () => performance.now(),
  setTimeout: () => setTimeout(() => {}, 0),
  setInterval: () => setInterval(() => {}, 1),
  setImmediate: () => setImmediate(() => {}),
  'timers/promises': () => sleep(1),
  'crypto.randomBytes': () => randomBytes(4),
  'globalThis.crypto': () => crypto.getRandomValues(new Uint8Array(4)),
  'node:fs': () => readFileSync('/etc/hostname'),
  'node:fs/promises': () => readFile('/etc/hostname'),
  'node:net': () => createServer().listen(0),
  hrtime: () => process.hrtime(),
};

for (const [name, escape] of Object.entries(escapes)) {
  test(`${name} inside a simulation throws, and is told even when the error is swallowed`, async () => {
    const told: EscapeError[] = [];
    await runGuarded(
      (error) => told.push(error),
      async () => {
        await Promise.resolve();
        expect(escape).toThrow(EscapeError);
      },
    );
    expect(told).toHaveLength(1);
  });
}

test('code outside is not touched, neither during a guarded run nor after it', async () => {
  const outside = Promise.withResolvers<number>();
  let open = (): void => {};
  const gate = new Promise<void>((resolve) => (open = resolve));
  setTimeout(() => {
    outside.resolve(Date.now() + Math.random() + new Date().getTime());
    open();
  }, 0);
  await runGuarded(
    () => {},
    () => gate,
  );
  expect(await outside.promise).toBeGreaterThan(0);
  expect(Date.now()).toBeGreaterThan(0);
  expect(new Date(0).toISOString()).toBe('1970-01-01T00:00:00.000Z');
  expect(Date.name).toBe('Date');
});
