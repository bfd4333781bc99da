import { GrpcServer, LeanGrpcServer } from '../src/index.ts';

/**
 * Which transport the tests of this run are of: all that serve calls run once on each. The project `rpc-lean` of
 * `vitest.config.ts` sets the variable.
 */
export const isLean = process.env['QUORATE_TEST_TRANSPORT'] === 'lean';
export const ServerUnderTest = isLean ? LeanGrpcServer : GrpcServer;
