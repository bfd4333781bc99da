/** A record that says where a service runs. */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** DNS as far as discovery needs it. Both reject when there is no answer; each has a time limit of its own. */
export interface DnsResolver {
  resolveSrv(service: string, options: ResolveOptions): Promise<readonly SrvRecord[]>;
  /** The IP addresses of a host name. */
  lookup(host: string, options: ResolveOptions): Promise<readonly string[]>;
}

/** What every question takes. */
export interface ResolveOptions {
  readonly signal?: AbortSignal | undefined;
}
