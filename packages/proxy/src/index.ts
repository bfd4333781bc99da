/** Proxies in front of any etcd-compatible cluster. */
export { GrpcProxy, type GrpcProxyPorts } from './grpc-proxy.ts';
export type { GrpcProxyObserver, GrpcProxyOptions, ProxyDialTls, ProxyListenTls } from './options.ts';
export { GrpcProxyError, type GrpcProxyErrorCode } from './errors.ts';
export { TcpGateway } from './tcp-gateway.ts';
export type {
  EndpointProof,
  TcpEndpoint,
  TcpGatewayObserver,
  TcpGatewayOptions,
} from './tcp-gateway-options.ts';
export { TcpGatewayError, type TcpGatewayErrorCode } from './tcp-gateway-errors.ts';
