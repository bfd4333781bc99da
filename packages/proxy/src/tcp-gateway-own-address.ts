import { lookup as dnsLookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { isIP, type Socket } from 'node:net';
import { TcpGatewayError } from './tcp-gateway-errors.ts';
import { textOf, type HostPort } from './tcp-gateway-options.ts';

type Lookup = (host: string) => Promise<readonly string[]>;

/** The addresses of a host, as this machine finds them. */
export async function systemLookup(host: string): Promise<readonly string[]> {
  const found = await dnsLookup(host, { all: true });
  return found.map(({ address }) => address);
}

/**
 * Refuses endpoints that are the gateway itself: each connection would come back to it, until there are no sockets left
 * (GHSA-2xhq-gv6c-p224). Names whose address becomes its own later are found out when they are dialled.
 *
 * @throws TcpGatewayError also for a host that has no address
 */
export async function refuseOwnAddress(
  endpoints: readonly HostPort[],
  { listen, lookup }: { readonly listen: HostPort; readonly lookup: Lookup },
): Promise<void> {
  const own = listen.host === '' ? ['::'] : await resolve(listen.host, 'listen', lookup);
  for (const endpoint of endpoints) {
    const addresses = await resolve(endpoint.host, 'endpoint', lookup);
    if (endpoint.port !== listen.port) continue;
    const address = addresses.find((candidate) => isOwn(candidate, own));
    if (address === undefined) continue;
    throw new TcpGatewayError(
      'GATEWAY_OWN_ADDRESS',
      `SRV or endpoint (${textOf(endpoint)}->${textOf({ host: address, port: endpoint.port })}) should not resolve to ` +
        `the gateway listen addr (${textOf(listen)}): each connection would come back to it`,
    );
  }
}

/** Whether a connection that was made leads back to who made it: to this gateway, or by chance to its own beginning. */
export function leadsBack(
  { remoteAddress = '', remotePort, localAddress, localPort }: Socket,
  listening: { readonly address: string; readonly port: number },
): boolean {
  if (remotePort === localPort && remoteAddress === localAddress) return true;
  return remotePort === listening.port && isOwn(remoteAddress, [listening.address]);
}

/** Whether a listener on these addresses is reached by that one. */
function isOwn(address: string, listening: readonly string[]): boolean {
  const plain = withoutMapping(address);
  const own = listening.map(withoutMapping);
  if (own.includes(plain)) return true;
  if (!own.some(isUnspecified)) return false;
  return isUnspecified(plain) || interfaceAddresses().includes(plain);
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** The IPv4 address that an IPv6 one stands for. */
function withoutMapping(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
}

async function resolve(
  host: string,
  kind: 'listen' | 'endpoint',
  lookup: Lookup,
): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    return await lookup(host);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TcpGatewayError(
      'GATEWAY_UNRESOLVED',
      `failed to resolve ${kind} host: ${host} (${reason}): correct it, or see to its DNS`,
      { cause },
    );
  }
}
