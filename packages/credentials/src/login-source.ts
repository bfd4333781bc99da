import { isIPv6 } from 'node:net';

/**
 * What counts as one source of logins, from the address of a connection: an IPv4 address; of IPv6 the first 64 bits,
 * which is what one customer of a provider has to choose from. Anything else stands for itself.
 */
export function loginSource(remoteAddress: string | undefined): string {
  if (remoteAddress === undefined) return '';
  const address = remoteAddress.replace(/%.*$/, '');
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  return isIPv6(address) ? `${firstGroups(address).join(':')}::/64` : address;
}

/** The first four groups of an IPv6 address, whose zeros may be left out. */
function firstGroups(address: string): string[] {
  const [left = '', right] = address.split('::');
  const before = groupsOf(left);
  const after = right === undefined ? [] : groupsOf(right);
  const zeros = Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4);
}

function groupsOf(text: string): string[] {
  if (text === '') return [];
  // An IPv4 address at the end fills two groups; which ones does not matter, being the last.
  return text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [trimmed(group)]));
}

function trimmed(group: string): string {
  return group.toLowerCase().replace(/^0+(?=.)/, '');
}
