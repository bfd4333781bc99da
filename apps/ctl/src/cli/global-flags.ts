import type { FlagDefinition } from './flags.ts';

/** The flags that every command takes. The environment has each as `ETCDCTL_` and its name in capitals, but for the context. */
export const globalFlags: readonly FlagDefinition[] = [
  { name: 'endpoints', kind: 'list', default: ['127.0.0.1:2379'], usage: 'gRPC endpoints' },
  {
    name: 'write-out',
    shorthand: 'w',
    kind: 'string',
    default: 'simple',
    usage: 'set the output format (fields, json, protobuf, simple, table)',
  },
  { name: 'hex', kind: 'bool', default: false, usage: 'print byte strings as hex encoded strings' },
  { name: 'dial-timeout', kind: 'duration', default: 2000, usage: 'dial timeout for client connections' },
  {
    name: 'command-timeout',
    kind: 'duration',
    default: 5000,
    usage: 'timeout for short running command (excluding dial timeout)',
  },
  { name: 'keepalive-time', kind: 'duration', default: 2000, usage: 'keepalive time for client connections' },
  {
    name: 'keepalive-timeout',
    kind: 'duration',
    default: 6000,
    usage: 'keepalive timeout for client connections',
  },
  {
    name: 'max-request-bytes',
    kind: 'int64',
    default: 0n,
    usage: 'largest request that is sent, in bytes; 0 is 2 MiB',
  },
  {
    name: 'max-recv-bytes',
    kind: 'int64',
    default: 0n,
    usage: 'largest response that is taken, in bytes; 0 is as much as 32 bits can say',
  },
  {
    name: 'insecure-transport',
    kind: 'bool',
    default: true,
    usage: 'disable transport security for client connections',
  },
  {
    name: 'insecure-discovery',
    kind: 'bool',
    default: true,
    usage: 'accept insecure SRV records describing cluster endpoints',
  },
  {
    name: 'insecure-skip-tls-verify',
    kind: 'bool',
    default: false,
    usage:
      'skip server certificate verification (CAUTION: this option should be enabled only for testing purposes)',
  },
  {
    name: 'cert',
    kind: 'string',
    default: '',
    usage: 'identify secure client using this TLS certificate file',
  },
  { name: 'key', kind: 'string', default: '', usage: 'identify secure client using this TLS key file' },
  {
    name: 'cacert',
    kind: 'string',
    default: '',
    usage: 'verify certificates of TLS-enabled secure servers using this CA bundle',
  },
  {
    name: 'user',
    kind: 'string',
    default: '',
    usage: 'username[:password] for authentication (prompt if password is not supplied)',
  },
  {
    name: 'password',
    kind: 'string',
    default: '',
    usage: "password for authentication (if this option is used, --user option shouldn't include password)",
  },
  {
    name: 'auth-jwt-token',
    kind: 'string',
    default: '',
    usage:
      'JWT token used for authentication (if this option is used, --user and --password should not be set)',
  },
  {
    name: 'discovery-srv',
    shorthand: 'd',
    kind: 'string',
    default: '',
    usage: 'domain name to query for SRV records describing cluster endpoints',
  },
  {
    name: 'discovery-srv-name',
    kind: 'string',
    default: '',
    usage: 'service name to query when using DNS discovery',
  },
  { name: 'debug', kind: 'bool', default: false, usage: 'enable client-side debug logging' },
  {
    name: 'context',
    kind: 'string',
    default: '',
    usage:
      'take what is not given here from this context (default: the current one, see the command context)',
  },
];

/** The name of a flag in the environment. What etcdctl has not, is not among what its environment says. */
export function environmentName(flag: FlagDefinition): string {
  if (flag.name === 'context') return 'QUORATECTL_CONTEXT';
  return `ETCDCTL_${flag.name.toUpperCase().replaceAll('-', '_')}`;
}
