import type { Call } from '@quorate/rpc';

/** What of a call's metadata goes on to the cluster: who calls, and what it demands of the member. */
const passedOn = ['token', 'authorization', 'hasleader', 'client-api-version'] as const;

/** Who a caller says to be. Calls share what they are answered only with calls of the same. */
export interface Credentials {
  /** The same text for the same caller, and for no other. A secret: it may be compared, and never shown. */
  readonly key: string;
  /** What is sent to members. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Whether the caller wants to be told when a member has no leader. */
  readonly demandsLeader: boolean;
}

/** What a call says of its caller. Certificates prove who somebody is to the proxy only, and are not passed on. */
export function credentialsOf(call: Pick<Call, 'metadata'>): Credentials {
  const metadata = new Map<string, string>();
  for (const name of passedOn) {
    const value = call.metadata(name);
    if (value !== undefined) metadata.set(name, value);
  }
  return {
    key: JSON.stringify([metadata.get('token'), metadata.get('authorization')]),
    metadata,
    demandsLeader: metadata.get('hasleader') === 'true',
  };
}

/** As `Credentials.key`, for streams that end when there is no leader: those are apart from the others. */
export function streamKeyOf({ key, demandsLeader }: Credentials): string {
  return demandsLeader ? `${key} led` : key;
}

/** Of streams that are shared: what the first of their clients runs is no matter of the others. */
export function sharedMetadata({ metadata }: Credentials): ReadonlyMap<string, string> {
  return new Map([...metadata].filter(([name]) => name !== 'client-api-version'));
}
