/** Where a member keeps its data in a container: on the volume, in a folder of its own. */
export const dataDir = '/var/lib/quorate/data';

/** What a member was told. */
export interface Told {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The name that other containers of the network know this one by. */
  readonly hostName: string;
}

/**
 * Variables to add to the environment of a member in a container, where nobody said otherwise: data goes to the volume,
 * and clients are served on all addresses, since nobody reaches a loopback from outside. With a certificate that is
 * TLS, so that whoever gives one is never served in the clear. The peer port stays on the loopback: without TLS of
 * its own, whoever reaches it may do anything.
 *
 * The image does not simply set them: a variable and a flag that say the same thing are refused, and with a
 * configuration file the file alone counts.
 */
export function memberDefaults(told: Told): Readonly<Record<string, string>> {
  const { args, hostName } = told;
  const first = args[0];
  const isCommand = first !== undefined && !first.startsWith('-');
  if (isCommand || isGiven('config-file', told)) return {};
  const scheme = isGiven('cert-file', told) || isGiven('auto-tls', told) ? 'https' : 'http';
  const ownsClientUrls = !isGiven('listen-client-urls', told);
  const ownsAdvertised = ownsClientUrls && !isGiven('advertise-client-urls', told);
  return {
    ...(!isGiven('data-dir', told) && { ETCD_DATA_DIR: dataDir }),
    ...(ownsClientUrls && { ETCD_LISTEN_CLIENT_URLS: `${scheme}://0.0.0.0:2379` }),
    ...(ownsAdvertised && { ETCD_ADVERTISE_CLIENT_URLS: `${scheme}://${hostName}:2379` }),
  };
}

/** Whether a flag is given or its variable is set; a variable that is empty, or `false`, is as none. */
function isGiven(flag: string, { args, env }: Told): boolean {
  const isFlag = new RegExp(`^--?${flag}(?:=(?!false$)|$)`);
  const value = env[`ETCD_${flag.toUpperCase().replaceAll('-', '_')}`];
  return (
    args.some((argument) => isFlag.test(argument)) ||
    (value !== undefined && value !== '' && value !== 'false')
  );
}
