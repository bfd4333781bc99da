import { TcpGateway, TcpGatewayError, type TcpEndpoint, type TcpGatewayOptions } from '@quorate/proxy';
import { TlsConfigError } from '@quorate/tls';
import type { Logger } from 'pino';
import { ConfigError } from '../config/errors.ts';
import { connectionsByOpenFiles } from '../open-files.ts';
import { discovered, type DiscoveryDeps } from './discovered.ts';
import type { GatewayConfig } from './gateway-flags.ts';
import { withListenFlag } from './listen-error.ts';

/** What `--retry-delay=0` stands for in etcd. */
const retryDelayOfZeroMs = 300_000;

/** Starts a gateway as the flags say. @throws ConfigError */
export async function startGateway(
  config: GatewayConfig,
  { given, ...deps }: DiscoveryDeps & { readonly given: ReadonlySet<string> },
): Promise<TcpGateway> {
  const options = await gatewayOptions(config, deps);
  if (config.discoverySrv !== '' && given.has('endpoints')) {
    deps.log.warn('--endpoints is ignored, since --discovery-srv is set');
  }
  try {
    const gateway = await TcpGateway.start({ ...options, observer: observerFor(deps.log) });
    deps.log.info(
      { listenAddr: config.listenAddr, port: gateway.port, endpoints: gateway.endpoints },
      'ready to pass on connections',
    );
    return gateway;
  } catch (error) {
    if (error instanceof TcpGatewayError || error instanceof TlsConfigError) {
      throw new ConfigError(error.message, { cause: error });
    }
    throw withListenFlag(error, '--listen-addr');
  }
}

/** What the flags mean. @throws ConfigError */
export async function gatewayOptions(config: GatewayConfig, deps: DiscoveryDeps): Promise<TcpGatewayOptions> {
  const { trustedCaFile, discoverySrv, insecureDiscovery } = config;
  const isDiscovered = discoverySrv !== '';
  if (trustedCaFile !== '' && isDiscovered && insecureDiscovery) {
    throw new ConfigError(
      '--trusted-ca-file and --insecure-discovery contradict each other: with the one members have to show certificates, with the other they need not',
    );
  }
  const fromDns = await discovered(config, deps);
  const proof = {
    trustedCa: trustedCaFile === '' ? undefined : { path: trustedCaFile, flag: '--trusted-ca-file' },
    // Who answers for the domain could name any host: so it is the domain that certificates have to be for.
    serverName: isDiscovered ? discoverySrv : undefined,
  };
  const needsProof = trustedCaFile !== '' || (isDiscovered && !insecureDiscovery);
  return {
    listenAddress: config.listenAddr,
    endpoints: isDiscovered ? fromDns : config.endpoints.map(endpointOf),
    retryDelayMs: config.retryDelayMs === 0 ? retryDelayOfZeroMs : config.retryDelayMs,
    dialTimeoutMs: config.dialTimeoutMs,
    halfClosedTimeoutMs: config.halfClosedTimeoutMs,
    maxConnections: config.maxConnections || Math.max(1, Math.floor(connectionsByOpenFiles() / 2)),
    proof: needsProof ? proof : undefined,
  };
}

/** `host:port`; a scheme is left out, as in etcd: TLS is the business of the clients. @throws ConfigError */
function endpointOf(text: string): TcpEndpoint {
  const plain = text.replace(/^https?:\/\//, '');
  const [, bracketed, host, port] = /^(?:\[([^[\]]+)\]|([^:[\]/]+)):(\d{1,5})$/.exec(plain) ?? [];
  const name = bracketed ?? host;
  if (name !== undefined && Number(port) >= 1 && Number(port) <= 65_535)
    return { host: name, port: Number(port) };
  throw new ConfigError(`--endpoints: error parsing endpoint "${plain}": it must be of the form host:port`);
}

function observerFor(log: Logger): NonNullable<TcpGatewayOptions['observer']> {
  return {
    onEndpointDown: (event) => log.warn(event, 'an endpoint does not answer: it is set aside'),
    onEndpointUp: (event) => log.info(event, 'an endpoint answers again'),
    onRefused: (event) => log.warn(event, 'a connection was closed at once'),
    onLocalError: (error) =>
      log.error({ err: error }, 'a connection could not be made for want of something here'),
  };
}
