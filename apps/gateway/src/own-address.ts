import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { GatewayConfigError } from './config.ts';

/**
 * Refuses an endpoint that is the gateway itself: each of its calls would come back to it, until there are no sockets
 * left (advisory GHSA-2xhq-gv6c-p224). Names that can't be resolved now are let through: they are not known to be it.
 *
 * @throws GatewayConfigError
 */
export async function refuseOwnAddress(
  endpoints: readonly string[],
  listenUrls: readonly string[],
): Promise<void> {
  const own = new Set(['127.0.0.1', '::1', '0.0.0.0', '::', ...interfaceAddresses()]);
  const listens = await Promise.all(listenUrls.map((url) => placeOf(url)));
  for (const endpoint of endpoints) {
    const place = await placeOf(endpoint);
    if (place === undefined) continue;
    const isOwn = listens.some((listen) => {
      if (listen?.port !== place.port) return false;
      const isAny = listen.addresses.some((address) => address === '0.0.0.0' || address === '::');
      return place.addresses.some(
        (address) => listen.addresses.includes(address) || (isAny && own.has(address)),
      );
    });
    if (isOwn) throw new GatewayConfigError(`--endpoints: ${endpoint} is where this gateway itself listens`);
  }
}

interface Place {
  readonly addresses: readonly string[];
  readonly port: string;
}

/** Undefined for what is no place on a network, such as a unix socket. */
async function placeOf(endpoint: string): Promise<Place | undefined> {
  const url = URL.parse(endpoint.includes('://') ? endpoint : `http://${endpoint}`);
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  try {
    const found = await lookup(host, { all: true });
    return { addresses: found.map(({ address }) => address), port };
  } catch {
    return { addresses: [host], port };
  }
}

function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map(({ address }) => address),
  );
}
