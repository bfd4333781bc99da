import type { DnsResolver, SrvRecord } from '../src/index.ts';

/** A zone: hosts with their addresses, services with `host:port` records, and what was asked. */
export interface Zone {
  readonly hosts?: Readonly<Record<string, readonly string[]>>;
  readonly services?: Readonly<Record<string, readonly (string | SrvRecord)[]>>;
}

/** DNS that knows one zone. */
export class FakeDns implements DnsResolver {
  zone: Zone;
  readonly asked: string[] = [];

  constructor(zone: Zone) {
    this.zone = zone;
  }

  async resolveSrv(service: string): Promise<readonly SrvRecord[]> {
    this.asked.push(service);
    const records = this.zone.services?.[service];
    if (records === undefined) throw new Error(`querySrv ENOTFOUND ${service}`);
    return records.map((record) => {
      if (typeof record !== 'string') return record;
      const [name = '', port] = record.split(':');
      return { name, port: Number(port), priority: 0, weight: 0 };
    });
  }

  async lookup(host: string): Promise<readonly string[]> {
    this.asked.push(host);
    const addresses = this.zone.hosts?.[host];
    if (addresses === undefined) throw new Error(`getaddrinfo ENOTFOUND ${host}`);
    return addresses;
  }
}
