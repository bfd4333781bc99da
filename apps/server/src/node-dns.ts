import type { DnsResolver, ResolveOptions, SrvRecord } from '@quorate/discovery';
import { lookup, Resolver } from 'node:dns/promises';

/** How long one server of DNS is waited for, and how often it is asked. */
const timeoutMs = 5_000;
const tries = 2;

/** DNS as this machine is set up for it. */
export class NodeDns implements DnsResolver {
  async resolveSrv(service: string, { signal }: ResolveOptions): Promise<readonly SrvRecord[]> {
    signal?.throwIfAborted();
    const resolver = new Resolver({ timeout: timeoutMs, tries });
    const cancel = (): void => resolver.cancel();
    signal?.addEventListener('abort', cancel);
    try {
      return await resolver.resolveSrv(service);
    } finally {
      signal?.removeEventListener('abort', cancel);
    }
  }

  /** Asks the hosts file, too. The system's own time limit holds: such a question cannot be taken back. */
  async lookup(host: string): Promise<readonly string[]> {
    const addresses = await lookup(host, { all: true });
    return addresses.map(({ address }) => address);
  }
}
