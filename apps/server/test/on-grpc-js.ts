import type * as Rpc from '@quorate/rpc';
import { GrpcServer, LeanGrpcServer } from '@quorate/rpc';
import { vi } from 'vitest';

/**
 * For projects of `vitest.config.ts` that run tests of members once more on the library grpc-js: whatever would serve with our own
 * transport in this process serves with it.
 */
vi.mock('@quorate/rpc', async (original) => {
  const rpc = await original<typeof Rpc>();
  return { ...rpc, LeanGrpcServer: rpc.GrpcServer };
});

// The types of both differ in what they keep to themselves.
const [wanted, served]: readonly unknown[] = [GrpcServer, LeanGrpcServer];
if (served !== wanted) throw new Error('tests of members would not run on grpc-js');
