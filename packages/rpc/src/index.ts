/** etcd's gRPC services over an exchangeable transport. */
export { methodTable } from './services.ts';
export {
  GrpcServer,
  type GrpcServerOptions,
  type GrpcObserver,
  type GrpcTransport,
  type GrpcUsage,
} from './grpc-server.ts';
export { LeanGrpcServer } from './lean/lean-grpc-server.ts';
export { cutReasons, defaultLimits, type ClientLimits, type CutReason } from './limits.ts';
export { RpcError, status, type StatusCode } from './errors.ts';
export { clientErrors, toRpcError, type DomainErrorCode } from './status.ts';
export type {
  Member,
  MemberCluster,
  MemberKv,
  MemberLeases,
  MemberMaintenance,
  MemberSnapshot,
  MemberWatch,
} from './member.ts';
export { receiveEach } from './transport.ts';
export type {
  Call,
  Method,
  MethodTable,
  OnRequest,
  StreamCall,
  StreamHandler,
  UnaryHandler,
  Answer,
  Message,
} from './transport.ts';
export type { HttpConnections, HttpHandler, HttpScope } from './http-front.ts';
export { LocalCalls, type LocalCallObserver, type LocalCallOptions } from './local-calls.ts';
export { HttpSurface, type HttpAnswer, type HttpSurfaceOptions } from './http-surface.ts';
export {
  ClientPort,
  type ClientListener,
  type ClientPortOptions,
  type HttpFronts,
  type SecureSocket,
} from './client-port.ts';
export { IoThreads, type IoThreadsOptions, type IoThreadsUsage } from './io-threads/io-threads.ts';
export type { ListenAddress, ThreadListener } from './io-threads/protocol.ts';
export type { ConnectionRefusal } from './connections.ts';
export type { HttpAccess } from './http-access.ts';
