import { z } from 'zod';
import type { FieldMeta } from './field.ts';
import { behaviourFields } from './fields/behaviour.ts';
import { clusteringFields } from './fields/clustering.ts';
import { experimentalFields } from './fields/experimental.ts';
import { limitFields } from './fields/limits.ts';
import { loggingFields } from './fields/logging.ts';
import { memberFields } from './fields/member.ts';
import { securityFields } from './fields/security.ts';

/**
 * The configuration of a member: the one source of flags, environment, config file, defaults and the table in
 * the docs. Names, defaults and meanings are etcd's (reference: flags and configuration).
 */
export const serverConfig = z.object({
  ...memberFields,
  ...limitFields,
  ...clusteringFields,
  ...securityFields,
  ...loggingFields,
  ...behaviourFields,
  ...experimentalFields,
});

/** What a member goes by, after defaults and checks: one field for each flag. Sizes are in bytes, times in milliseconds. */
export type ServerConfig = z.output<typeof serverConfig>;
export type ConfigKey = keyof ServerConfig;

/** What a field says of itself. */
export function metaOf(key: ConfigKey): FieldMeta {
  // `field.ts` is the only maker of these schemas, and gives each of them this meta.
  return serverConfig.shape[key].meta() as unknown as FieldMeta;
}

/** Every field, in the order of the schema. */
export const configKeys = Object.keys(serverConfig.shape) as ConfigKey[];

/** Every name a field is known by: that of its flag, and the one it had while it was experimental. */
export function namesOf(key: ConfigKey): readonly string[] {
  const { flag, experimental } = metaOf(key);
  return experimental === true ? [flag, `experimental-${flag}`] : [flag];
}

/** Flags of old versions that etcd still accepts and ignores. */
export const legacyFlags: readonly string[] = [
  'cluster-active-size',
  'cluster-remove-delay',
  'cluster-sync-interval',
  'config',
  'force',
  'max-result-buffer',
  'max-retry-attempts',
  'peer-heartbeat-interval',
  'peer-election-timeout',
  'retry-interval',
  'snapshot',
  'v',
  'vv',
];

/** Flags that are gone since etcd 3.6, and what they were for. */
export const goneFlags: Readonly<Record<string, string>> = {
  'enable-v2': "etcd's v2 API",
  'experimental-enable-v2v3': "etcd's v2 API",
  proxy: "etcd's v2 proxy",
  'proxy-failure-wait': "etcd's v2 proxy",
  'proxy-refresh-interval': "etcd's v2 proxy",
  'proxy-dial-timeout': "etcd's v2 proxy",
  'proxy-write-timeout': "etcd's v2 proxy",
  'proxy-read-timeout': "etcd's v2 proxy",
};
