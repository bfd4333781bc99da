import { isIP } from 'node:net';
import type { DnsResolver } from './resolver.ts';

/** A host and port of a URL with http or https; undefined for a socket file. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Where a peer URL leads; undefined when it is no address of the network. */
export function hostPortOf(url: string): HostPort | undefined {
  const [, host, port] = /^https?:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:/[\]]*):(\d+)$/i.exec(url) ?? [];
  if (host === undefined || host === '') return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** The scheme of a URL, in lower case. */
export function schemeOf(url: string): string {
  return url.slice(0, Math.max(0, url.indexOf('://'))).toLowerCase();
}

/** The IP addresses of a host, each as one text however it was written. @throws what the resolver throws */
export async function addressesOf(
  host: string,
  resolver: Pick<DnsResolver, 'lookup'>,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const addresses = isIP(host) === 0 ? await resolver.lookup(host, { signal }) : [host];
  return addresses.map(canonicalIp);
}

/** `::1` for `0:0:0:0:0:0:0:1`, and the IPv4 address for one that is mapped into IPv6. */
function canonicalIp(address: string): string {
  if (isIP(address) !== 6) return address;
  const [plain = address, zone] = address.split('%');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain)?.[1];
  if (mapped !== undefined) return mapped;
  const { hostname } = new URL(`http://[${plain}]/`);
  return zone === undefined ? hostname.slice(1, -1) : `${hostname.slice(1, -1)}%${zone}`;
}
