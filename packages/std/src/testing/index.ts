/** Doubles and tools for other packages' tests. */
export { backendSuite } from './backend-suite.ts';
export { ManualClock } from './manual-clock.ts';
export { MemoryBackend } from './memory-backend.ts';
export { runReadmeExample } from './readme-example.ts';
