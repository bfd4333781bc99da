import { defineConfig } from 'vitest/config';

// Tests that talk to real processes need more than vitest's five seconds.
export default defineConfig({ test: { testTimeout: 120_000, hookTimeout: 60_000 } });
