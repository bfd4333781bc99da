/** etcd's API as JSON over HTTP, in front of any etcd-compatible cluster. */
export { Gateway } from './gateway.ts';
export { checked, gatewayConfig, GatewayConfigError, readConfig, type GatewayConfig } from './config.ts';
