/** All benchmarks of this package. */
await import('./loopback.ts');
