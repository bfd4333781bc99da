import { addressesOf, hostPortOf, schemeOf } from './addresses.ts';
import { DiscoveryError } from './errors.ts';
import type { DnsResolver, SrvRecord } from './resolver.ts';
import { hostOf, messageOf, recordsOf } from './srv-records.ts';

/** What finding members in DNS takes. */
export interface SrvOptions {
  readonly resolver: DnsResolver;
  /** `--discovery-srv`: the domain that the records are of. */
  readonly domain: string;
  /** `--discovery-srv-name`: tells clusters of one domain apart; empty when there is but one. */
  readonly serviceName?: string;
  /** `--name` and `--initial-advertise-peer-urls` of this member. */
  readonly name: string;
  readonly advertisePeerUrls: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** Told of a record, or a whole service, that is left out. */
  readonly onSkipped?: (reason: string) => void;
}

/**
 * The members that the SRV records `_etcd-server-ssl._tcp` (https) and `_etcd-server._tcp` (http) of a domain
 * name, as `--initial-cluster` would. The record whose address is an advertised one gets the name of this
 * member; the others are called 0, 1, 2 and so on, since records have no names, in an order that is the same on
 * all members. What identifies a member is its URLs.
 *
 * @throws DiscoveryError when no record was found, or none of them is this member's
 */
export async function discoverBySrv(options: SrvOptions): Promise<string> {
  const { domain, name, serviceName = '' } = options;
  const suffix = serviceName === '' ? '' : `-${serviceName}`;
  const own = await ownUrls(options);
  const problems: string[] = [];
  const found: { readonly url: string; readonly isOwn: boolean }[] = [];
  for (const { service, scheme } of [
    { service: `etcd-server-ssl${suffix}`, scheme: 'https' },
    { service: `etcd-server${suffix}`, scheme: 'http' },
  ]) {
    const skip = (reason: string): void => {
      problems.push(`error querying DNS SRV records for _${service} ${reason}`);
      options.onSkipped?.(`_${service}._tcp.${domain}: ${reason}`);
    };
    for (const record of await recordsOf(service, options, skip)) {
      const url = await memberOf(record, { scheme, service, own, options, skip });
      if (url !== undefined && !found.some((known) => known.url === url.url)) found.push(url);
    }
  }
  if (found.length === 0) {
    throw new DiscoveryError('DISCOVERY_NO_RECORDS', problems.join('; '));
  }
  if (!found.some(({ isOwn }) => isOwn)) {
    throw new DiscoveryError(
      'DISCOVERY_NOT_IN_RECORDS',
      `cannot find local etcd member ${JSON.stringify(name)} in SRV records of ${domain} (they name ` +
        `${found.map(({ url }) => url).join(', ')}): advertise one of these by --initial-advertise-peer-urls`,
    );
  }
  return named(found, name);
}

/** Addresses of this member, `ip:port`, and the advertised URL that each comes from. */
async function ownUrls(options: SrvOptions): Promise<ReadonlyMap<string, string>> {
  const { advertisePeerUrls, resolver, signal } = options;
  const own = new Map<string, string>();
  for (const url of advertisePeerUrls) {
    const address = hostPortOf(url);
    if (address === undefined) continue; // A socket file is in no record.
    try {
      for (const ip of await addressesOf(address.host, resolver, signal)) {
        own.set(`${ip} ${address.port}`, url);
      }
    } catch (cause) {
      signal?.throwIfAborted();
      throw new DiscoveryError(
        'DISCOVERY_NOT_IN_RECORDS',
        `--initial-advertise-peer-urls: cannot resolve ${address.host} (${messageOf(cause)})`,
        { cause },
      );
    }
  }
  return own;
}

async function memberOf(
  record: SrvRecord,
  context: {
    readonly scheme: string;
    readonly service: string;
    readonly own: ReadonlyMap<string, string>;
    readonly options: SrvOptions;
    readonly skip: (reason: string) => void;
  },
): Promise<{ readonly url: string; readonly isOwn: boolean } | undefined> {
  const { scheme, service, own, options, skip } = context;
  const host = hostOf(record, skip);
  if (host === undefined) return undefined;
  const url = `${scheme}://${host}:${record.port}`;
  try {
    const ips = await addressesOf(host, options.resolver, options.signal);
    const ownUrl = ips.map((ip) => own.get(`${ip} ${record.port}`)).find((match) => match !== undefined);
    if (ownUrl !== undefined && schemeOf(ownUrl) !== scheme) {
      skip(
        `bootstrap at ${url} from DNS for ${service} has scheme mismatch with expected peer ${ownUrl}: ` +
          'the record and --initial-advertise-peer-urls must agree',
      );
      return undefined;
    }
    return { url, isOwn: ownUrl !== undefined };
  } catch (error) {
    options.signal?.throwIfAborted();
    skip(messageOf(error));
    return undefined;
  }
}

function named(found: readonly { readonly url: string; readonly isOwn: boolean }[], ownName: string): string {
  let next = 0;
  const others = (): string => {
    // A number that is this member's name would make two members one.
    if (String(next) === ownName) next++;
    return String(next++);
  };
  return found.map(({ url, isOwn }) => `${isOwn ? ownName : others()}=${url}`).join(',');
}
