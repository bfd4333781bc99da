/** A member in this process: for tests of what uses etcd, and to embed it. */
export { startServer, type RunningServer, type StartServerOptions } from './start-server.ts';
export type { MemberOptions } from './config/options.ts';
export { ConfigError } from './config/errors.ts';
