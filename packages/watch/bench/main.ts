/** All benchmarks of the package; each file runs alone, too. */
await import('./fan-out.ts');
await import('./catch-up.ts');
