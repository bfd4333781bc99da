import { backendSuite, MemoryBackend } from '@quorate/std/testing';

backendSuite('MemoryBackend', async () => new MemoryBackend());
