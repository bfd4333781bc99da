import type { Backend } from '../backend.ts';

/** Doubles and tools for other packages' tests. */
export { freePort } from './free-port.ts';
export { ManualClock } from './manual-clock.ts';
export { MemoryBackend } from './memory-backend.ts';
export { runReadmeExample } from './readme-example.ts';

/**
 * Declares the tests of what every `Backend` promises. `open` makes an empty one; `crash` makes one that has
 * what the next start would find if the given one, which stays open, crashed now. The suite disposes of both.
 * Await it at the top level of a vitest file; only this loads vitest.
 */
export async function backendSuite<B extends Backend>(
  name: string,
  open: () => Promise<B>,
  crash: (backend: B) => Promise<B>,
): Promise<void> {
  const { defineBackendSuite } = await import('./backend-suite.ts');
  defineBackendSuite(name, open, crash);
}
