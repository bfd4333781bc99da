/** All benchmarks of this package, one after the other. */
await import('./propose.ts');
await import('./replicate.ts');
