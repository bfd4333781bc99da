/** A rate of samples is so many of a million. */
export const samplesMax = 1_000_000;

/**
 * The URL of a collector that is given as etcd takes it, `host:port`, without TLS; `https://host:port` is one with TLS.
 *
 * @throws RangeError that says what is wrong with it
 */
export function collectorUrl(address: string): string {
  const [, scheme = 'http://', host, port] =
    /^(https?:\/\/)?(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/.exec(address) ?? [];
  if (host === undefined || port === undefined)
    throw new RangeError(`"${address}" is no address of a collector such as localhost:4317`);
  if (Number(port) === 0 || Number(port) > 65_535)
    throw new RangeError(`"${address}" has the port ${port}, which is none of 1 .. 65535`);
  const url = `${scheme}${host}:${port}`;
  if (!URL.canParse(url)) throw new RangeError(`"${address}" names no host`);
  return url;
}
