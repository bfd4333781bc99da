/** All benchmarks of this package, one after the other; each file also runs on its own. */
await import('./key-value.ts');
await import('./put-request.ts');
await import('./range-response.ts');
await import('./raft-entries.ts');
