import { expect, test } from 'vitest';
import { SendWindow, TakenBytes, windowCost } from '../../src/io-threads/records.ts';

test('messages of nothing use up the window of a stream between threads, and give it back', () => {
  const window = new SendWindow();
  const taken = new TakenBytes((bytes) => window.taken(bytes));
  const nothing = new Uint8Array(0);
  let sent = 0;
  for (; window.hasRoom && sent < 10_000; sent++) window.sent(windowCost(nothing));
  expect(sent).toBeLessThan(10_000);
  for (let count = 0; count < sent; count++) taken.add(windowCost(nothing));
  expect(window.hasRoom).toBe(true);
});
