import type { X509Certificate } from 'node:crypto';
import { lookup, reverse } from 'node:dns/promises';

/** The two questions to DNS that the check of an address needs. */
export interface AddressResolver {
  /** Names of an address. */
  reverse(address: string): Promise<readonly string[]>;
  /** Addresses of a name. */
  lookup(name: string): Promise<readonly string[]>;
}

/** DNS as this machine sees it. */
export const systemResolver: AddressResolver = {
  reverse: (address) => reverse(address),
  lookup: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
};

/**
 * Why a connection from an address is not by whom its certificate is for; undefined when it may be (reference: peer
 * SAN check). A certificate without addresses and names says nothing about it. With addresses, one of them has to
 * be the one; with names, one has to be a name of the address, or has it as an address.
 */
export async function addressMismatch(
  certificate: X509Certificate,
  remoteAddress: string,
  resolver: AddressResolver,
): Promise<string | undefined> {
  const { addresses, names } = alternativeNames(certificate);
  if (addresses === 0 && names.length === 0) return undefined;
  const address = plainAddress(remoteAddress);
  if (addresses > 0 && certificate.checkIP(address) !== undefined) return undefined;
  if (await isNamed(address, names, resolver)) return undefined;
  return names.length === 0
    ? `the certificate is for other addresses than ${address}`
    : `${address} is not an address of ${names.join(', ')}`;
}

async function isNamed(
  address: string,
  names: readonly string[],
  resolver: AddressResolver,
): Promise<boolean> {
  if (names.length === 0) return false;
  const exact = names.filter((name) => !name.startsWith('*.'));
  const suffixes = names.filter((name) => name.startsWith('*.')).map((name) => name.slice(1));
  // Whoever has no name in DNS is a stranger there.
  const found = await resolver.reverse(address).catch((): readonly string[] => []);
  for (const name of found.map((text) => text.toLowerCase().replace(/\.$/, ''))) {
    if (exact.includes(name) || suffixes.some((suffix) => name.endsWith(suffix))) return true;
  }
  for (const name of exact) {
    const known = await resolver.lookup(name).catch((): readonly string[] => []);
    if (known.includes(address)) return true;
  }
  return false;
}

function alternativeNames(certificate: X509Certificate): {
  readonly addresses: number;
  readonly names: string[];
} {
  // Quoted where they hold commas, so that nobody can write two names as one.
  const items = (certificate.subjectAltName ?? '').match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  const of = (kind: string): string[] =>
    items
      .map((item) => item.trim())
      .filter((item) => item.startsWith(`${kind}:`))
      .map((item) => item.slice(kind.length + 1).toLowerCase());
  return { addresses: of('IP Address').length, names: of('DNS') };
}

/** Without what only this machine means: the prefix of an IPv4 address on an IPv6 socket, and the zone. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
}
