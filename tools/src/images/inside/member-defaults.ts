import { settingOf, type Told } from './told.ts';

/** Where a member keeps its data in a container: on the volume, in a folder of its own. */
export const dataDir = '/var/lib/quorate/data';

/** What a member was told, and where it runs. */
export interface MemberTold extends Told {
  /** The name that other containers of its network know this one by. */
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
export function memberDefaults(told: MemberTold): Readonly<Record<string, string>> {
  const isGiven = (flag: string): boolean => memberSetting(flag, told) !== undefined;
  if (commandOf(told) !== undefined || isGiven('config-file')) return {};
  const isTls = isGiven('cert-file') || (memberSetting('auto-tls', told) ?? 'false') !== 'false';
  const clientUrl = (host: string): string => `${isTls ? 'https' : 'http'}://${host}:2379`;
  const ownsListen = !isGiven('listen-client-urls');
  const ownsAdvertised = ownsListen && !isGiven('advertise-client-urls');
  return {
    ...(!isGiven('data-dir') && { ETCD_DATA_DIR: dataDir }),
    ...(ownsListen && { ETCD_LISTEN_CLIENT_URLS: clientUrl('0.0.0.0') }),
    ...(ownsAdvertised && { ETCD_ADVERTISE_CLIENT_URLS: clientUrl(told.hostName) }),
  };
}

/** What a member was given for a flag. */
export function memberSetting(flag: string, told: Told): string | undefined {
  return settingOf(flag, told, 'ETCD_');
}

/** What `quorate` was told to be when that is no member, such as `grpc-proxy`. */
export function commandOf({ args: [first] }: Told): string | undefined {
  return first === undefined || first.startsWith('-') ? undefined : first;
}
