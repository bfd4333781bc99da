import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

/**
 * The address from which other members are reached, with the feature SetMemberLocalAddr: the first IP address in the URLs
 * that are advertised to them, those aside that stand for all addresses or for this machine. Undefined when there is none.
 */
export function memberLocalAddress(advertisedPeerUrls: readonly string[]): string | undefined {
  return advertisedPeerUrls
    .filter((url) => /^https?:/i.test(url))
    .map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''))
    .find((host) => {
      const family = isIP(host);
      if (family === 0 || ['0.0.0.0', '::'].includes(host)) return false;
      return !loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
    });
}
