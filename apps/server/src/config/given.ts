import type { z } from 'zod';
import { checkServed, checkTogether, warningsOf } from './checks.ts';
import { ConfigError } from './errors.ts';
import { isOutOfBounds } from './field.ts';
import { namesGate, type GateSettings } from './feature-gates.ts';
import { configKeys, metaOf, serverConfig, type ConfigKey, type ServerConfig } from './schema.ts';

/** The configuration, and what to tell the operator about how it was given. */
export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly warnings: readonly string[];
}

/** Adds defaults, and checks each value and all of them together. @throws ConfigError */
export function loadGiven(given: Given): LoadedConfig {
  const parsed = serverConfig.safeParse(given.values);
  if (!parsed.success) throw refusalOf(parsed.error, given);
  const config = withDerivedValues(parsed.data, given);
  checkServed(config, given.originOf);
  checkTogether(config);
  return { config, warnings: warningsOf(config) };
}

/** Raw values by key, and how each was named by whoever gave it. */
export interface Given {
  readonly values: Record<string, unknown>;
  readonly originOf: (key: ConfigKey) => string;
  /** Whether it was a flag of the command line; none was, when it is left out. */
  readonly isFlag?: (key: ConfigKey) => boolean;
}

/** What is said of a setting that has come twice. */
export function givenTwice(one: string, other: string): string {
  return `${one} and ${other} are the same setting: give one of them`;
}

function refusalOf(error: z.ZodError, { originOf, isFlag }: Given): ConfigError {
  const issue = error.issues[0];
  const key = configKeys.find((candidate) => candidate === issue?.path[0]);
  if (issue === undefined || key === undefined) return new ConfigError(error.message);
  const isUnreadable = isFlag?.(key) === true && !isOutOfBounds(issue) && metaOf(key).isCheckedLater !== true;
  return new ConfigError(`${originOf(key)}: ${issue.message}`, { exitCode: isUnreadable ? 2 : 1 });
}

/** A peer connection is never given less than this, as in etcd. */
const raftTimeoutMinMs = 5_000;

/** Values that follow from others when they are not given. */
function withDerivedValues(config: ServerConfig, given: Given): ServerConfig {
  if (given.values['listenClientUrls'] !== undefined && given.values['advertiseClientUrls'] === undefined) {
    throw new ConfigError('--advertise-client-urls is required when --listen-client-urls is set explicitly');
  }
  const derived = { ...config, featureGates: withExperimental(config, given) };
  derived.dataDir ||= `${config.name}.etcd`;
  if (derived.advertiseClientUrls.length === 0) derived.advertiseClientUrls = ['http://localhost:2379'];
  const isDiscovered = config.discoveryEndpoints !== '' || config.discoverySrv !== '';
  if (config.initialCluster === '' && !isDiscovered) {
    derived.initialCluster = config.initialAdvertisePeerUrls.map((url) => `${config.name}=${url}`).join(',');
  }
  // Empty means all, as * does.
  derived.cors ||= '*';
  derived.hostWhitelist ||= '*';
  derived.backendBatchIntervalMs ||= 100;
  derived.backendBatchLimit ||= 10_000;
  derived.raftReadTimeoutMs = Math.max(config.raftReadTimeoutMs, raftTimeoutMinMs);
  derived.raftWriteTimeoutMs = Math.max(config.raftWriteTimeoutMs, raftTimeoutMinMs);
  return derived;
}

/** The feature gates, with those switched by the flag that each had before there were gates. */
function withExperimental(config: ServerConfig, { values, originOf }: Given): GateSettings {
  const settings = new Map(config.featureGates);
  const gatesText = typeof values['featureGates'] === 'string' ? values['featureGates'] : '';
  for (const key of configKeys) {
    const { gate } = metaOf(key);
    const value = config[key];
    if (gate === undefined || values[key] === undefined || typeof value !== 'boolean') continue;
    if (namesGate(gatesText, gate))
      throw new ConfigError(givenTwice(originOf(key), `${gate} of ${originOf('featureGates')}`));
    settings.set(gate, value);
  }
  return settings;
}
