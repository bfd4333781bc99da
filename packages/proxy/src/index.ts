/** Proxies in front of any etcd-compatible cluster. */
export { GrpcProxy, type GrpcProxyPorts } from './grpc-proxy.ts';
export type { GrpcProxyObserver, GrpcProxyOptions, ProxyDialTls, ProxyListenTls } from './options.ts';
export { GrpcProxyError, type GrpcProxyErrorCode } from './errors.ts';
