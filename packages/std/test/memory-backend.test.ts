import { backendSuite, MemoryBackend } from '@quorate/std/testing';

await backendSuite(
  'MemoryBackend',
  async () => new MemoryBackend(),
  async (backend) => backend.copy(),
);
