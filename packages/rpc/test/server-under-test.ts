import { GrpcServer, LeanGrpcServer } from '../src/index.ts';

const transport = process.env['QUORATE_TEST_TRANSPORT'];
/** Whether this run is of our own transport in I/O threads, for the tests that can tell: those that call `serve`. */
export const hasIoThreads = transport === 'threads';
/**
 * Which transport the tests of this run are of: all that serve calls run once on each. The projects `rpc-lean` and
 * `rpc-threads` of `vitest.config.ts` set the variable.
 */
export const isLean = transport === 'lean' || hasIoThreads;
export const ServerUnderTest = isLean ? LeanGrpcServer : GrpcServer;
