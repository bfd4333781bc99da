/** Doubles for tests of whoever uses the transport. */
export { CodedError, FakeHost, type FakeHostOptions } from './fake-host.ts';
export { makeMessage } from './make-message.ts';
export { TestNetwork, TestMember } from './test-network.ts';
