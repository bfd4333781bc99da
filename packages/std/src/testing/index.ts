import type { Backend } from '../backend.ts';

/** Doubles and tools for other packages' tests. */
export { ManualClock } from './manual-clock.ts';
export { MemoryBackend } from './memory-backend.ts';
export { runReadmeExample } from './readme-example.ts';

/**
 * Declares the tests of what every `Backend` promises. `open` makes an empty one; the suite disposes of it.
 * Await it at the top level of a vitest file; only this loads vitest.
 */
export async function backendSuite(name: string, open: () => Promise<Backend>): Promise<void> {
  const { defineBackendSuite } = await import('./backend-suite.ts');
  defineBackendSuite(name, open);
}
