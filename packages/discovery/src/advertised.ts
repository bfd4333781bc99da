import type { Clock } from '@quorate/std';
import { addressesOf, hostPortOf, schemeOf } from './addresses.ts';
import { DiscoveryError } from './errors.ts';
import type { DnsResolver } from './resolver.ts';
import { sleep } from './sleep.ts';

/** How long names are tried, and the pause between tries: a name may be known only shortly after its host is. */
const resolveTimeoutMs = 30_000;
const resolvePauseMs = 1_000;

/** What the comparison takes. */
export interface AdvertisedCheck {
  /** `--name` of this member, and the URLs that `--initial-cluster` gives it. */
  readonly name: string;
  readonly initialUrls: readonly string[];
  /** `--initial-advertise-peer-urls`. */
  readonly advertisedUrls: readonly string[];
  readonly resolver: Pick<DnsResolver, 'lookup'>;
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Told when a host could not be resolved and will be tried again. */
  readonly onRetry?: (event: { readonly host: string; readonly error: unknown }) => void;
}

/**
 * Compares the URLs that a member advertises with those that the initial cluster gives it. They must be the same
 * URLs, or URLs of the same scheme and port whose hosts have an address in common; names are looked up for 30
 * seconds. As in etcd, `localhost` and an IP address are never the same.
 *
 * @throws DiscoveryError when they differ, or a name could not be resolved
 */
export async function checkAdvertisedUrls(check: AdvertisedCheck): Promise<void> {
  const { initialUrls, advertisedUrls, signal } = check;
  if (sameTexts(initialUrls, advertisedUrls)) return;
  // Nothing to look up where they differ anyway.
  if (initialUrls.length === advertisedUrls.length && couldMatch(check)) {
    const resolve = new Resolutions(check);
    const initial = await Promise.all(initialUrls.map((url) => resolve.endpointsOf(url)));
    const advertised = await Promise.all(advertisedUrls.map((url) => resolve.endpointsOf(url)));
    if (covers(initial, advertised) && covers(advertised, initial)) return;
  }
  signal?.throwIfAborted();
  throw new DiscoveryError('DISCOVERY_URLS_DIFFER', differenceOf(check));
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join(',') === [...b].sort().join(',');
}

/** Whether scheme and port of the URLs are the same, hosts aside. */
function couldMatch({ initialUrls, advertisedUrls }: AdvertisedCheck): boolean {
  const shape = (url: string): string => {
    const address = hostPortOf(url);
    return address === undefined ? url : `${schemeOf(url)} ${address.port}`;
  };
  return sameTexts(initialUrls.map(shape), advertisedUrls.map(shape));
}

/** Whether each of `ones` has an endpoint in common with one of `others`. */
function covers(ones: readonly (readonly string[])[], others: readonly (readonly string[])[]): boolean {
  return ones.every((one) => others.some((other) => other.some((endpoint) => one.includes(endpoint))));
}

function differenceOf({ name, initialUrls, advertisedUrls }: AdvertisedCheck): string {
  const missing = initialUrls.filter((url) => !advertisedUrls.includes(url));
  const [text, flag] =
    missing.length > 0
      ? [
          `--initial-cluster has ${missing.map((url) => `${name}=${url}`).join(',')} but missing from ` +
            `--initial-advertise-peer-urls=${advertisedUrls.join(',')}`,
          '--initial-advertise-peer-urls',
        ]
      : [
          `--initial-advertise-peer-urls has ` +
            `${advertisedUrls.filter((url) => !initialUrls.includes(url)).join(',')} but missing from ` +
            `--initial-cluster=${initialUrls.map((url) => `${name}=${url}`).join(',')}`,
          '--initial-cluster',
        ];
  return `${text}: they must be the same URLs of ${name}, so correct ${flag}`;
}

/** Looks every host up once, and again while it has no answer and there is time. */
class Resolutions {
  readonly #check: AdvertisedCheck;
  readonly #deadlineMs: number;

  constructor(check: AdvertisedCheck) {
    this.#check = check;
    this.#deadlineMs = check.clock.now() + resolveTimeoutMs;
  }

  /** `scheme address port` of each address that a URL leads to. */
  async endpointsOf(url: string): Promise<readonly string[]> {
    const address = hostPortOf(url);
    if (address === undefined) return [url];
    const hosts = address.host === 'localhost' ? ['localhost'] : await this.#addressesOf(address.host);
    return hosts.map((host) => `${schemeOf(url)} ${host} ${address.port}`);
  }

  async #addressesOf(host: string): Promise<readonly string[]> {
    const { resolver, clock, signal, onRetry } = this.#check;
    for (;;) {
      try {
        return await addressesOf(host, resolver, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (clock.now() + resolvePauseMs > this.#deadlineMs) {
          throw new DiscoveryError(
            'DISCOVERY_URLS_DIFFER',
            `failed to resolve ${host} to match --initial-advertise-peer-urls with --initial-cluster ` +
              `(${error instanceof Error ? error.message : String(error)}): give both the same URL, or see to its DNS`,
            { cause: error },
          );
        }
        onRetry?.({ host, error });
        await sleep(clock, resolvePauseMs, signal);
      }
    }
  }
}
