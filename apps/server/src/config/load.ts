import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { parseDuration } from './field.ts';
import { configKeys, metaOf, namesOf, serverConfig, type ConfigKey, type ServerConfig } from './schema.ts';

/** Something is wrong with how the member was configured; the message is one sentence that names the flag. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'SERVER_CONFIG';
}

/** Where the configuration comes from. */
export interface ConfigSources {
  /** Flags given on the command line, by their names without dashes. */
  readonly flags: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The configuration, and what to tell the operator about how it was given. */
export interface LoadedConfig {
  readonly config: ServerConfig;
  readonly warnings: readonly string[];
}

/** The environment variable of a flag: `heartbeat-interval` is `ETCD_HEARTBEAT_INTERVAL`. */
export function envNameOf(flag: string): string {
  return `ETCD_${flag.toUpperCase().replaceAll('-', '_')}`;
}

/**
 * Joins defaults, environment and flags; with a config file the file alone counts, as in etcd.
 *
 * @throws ConfigError
 */
export function loadConfig(sources: ConfigSources): LoadedConfig {
  const file = sources.flags.get('config-file') ?? sources.env['ETCD_CONFIG_FILE'];
  const warnings: string[] = [];
  const given =
    file === undefined || file === '' ? fromFlagsAndEnv(sources, warnings) : fromFile(file, warnings);
  if (file && sources.flags.size > (sources.flags.has('config-file') ? 1 : 0)) {
    warnings.push(`the config file ${file} is used, so all other flags and ETCD_ variables are ignored`);
  }
  const parsed = serverConfig.safeParse(given.values);
  if (!parsed.success) throw new ConfigError(sentenceOf(parsed.error, given.originOf));
  const config = withDerivedValues(parsed.data, given.values);
  checkNotBuilt(config, given.originOf);
  checkTogether(config);
  return { config, warnings };
}

/** Raw values by key, and how each was named by whoever gave it. */
interface Given {
  readonly values: Record<string, unknown>;
  readonly originOf: (key: ConfigKey) => string;
}

function fromFlagsAndEnv({ flags, env }: ConfigSources, warnings: string[]): Given {
  const values: Record<string, unknown> = {};
  const origins = new Map<ConfigKey, string>();
  const known = new Set(['ETCD_CONFIG_FILE']);
  for (const key of configKeys) {
    for (const flag of namesOf(key)) {
      const name = envNameOf(flag);
      known.add(name);
      const given = oneOf(flag, flags.get(flag), env[name] === '' ? undefined : env[name]);
      if (given === undefined) continue;
      const earlier = origins.get(key);
      if (earlier !== undefined) throw new ConfigError(givenTwice(earlier, given.origin));
      values[key] = given.value;
      origins.set(key, given.origin);
    }
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith('ETCD_') && !known.has(name))
      warnings.push(`unrecognized environment variable ${name}`);
  }
  return { values, originOf: (key) => origins.get(key) ?? `--${metaOf(key).flag}` };
}

/** A flag and its variable may not both be given: which of the two was meant is anybody's guess. */
function oneOf(
  flag: string,
  fromFlag: string | undefined,
  fromEnv: string | undefined,
): { readonly value: string; readonly origin: string } | undefined {
  const name = envNameOf(flag);
  if (fromFlag !== undefined && fromEnv !== undefined) {
    throw new ConfigError(
      `conflicting environment variable "${name}" is shadowed by corresponding command-line flag "--${flag}": unset one of them`,
    );
  }
  if (fromFlag !== undefined) return { value: fromFlag, origin: `--${flag}` };
  return fromEnv === undefined ? undefined : { value: fromEnv, origin: name };
}

function givenTwice(one: string, other: string): string {
  return `${one} and ${other} are the same setting: give one of them`;
}

function fromFile(path: string, warnings: string[]): Given {
  const fields = new Map(Object.entries(readMap(path)));
  for (const section of Object.keys(fileSections)) flattenSection(path, section, fields);
  const values: Record<string, unknown> = {};
  const origins = new Map<ConfigKey, string>();
  for (const key of configKeys) {
    for (const flag of namesOf(key)) {
      const value = fields.get(flag);
      fields.delete(flag);
      if (value === undefined || value === null) continue;
      const earlier = origins.get(key);
      if (earlier !== undefined) throw new ConfigError(givenTwice(earlier, flag));
      values[key] = Array.isArray(value) ? value.join(',') : value;
      origins.set(key, `${path}: ${flag}`);
    }
  }
  for (const unknown of fields.keys()) warnings.push(`${path}: unknown key ${unknown} is ignored`);
  return { values, originOf: (key) => origins.get(key) ?? `--${metaOf(key).flag}` };
}

/** Maps within the file, and the flags that their keys stand for. */
const fileSections: Readonly<Record<string, { readonly prefix: string; readonly names?: FlagsOfKeys }>> = {
  'client-transport-security': {
    prefix: '',
    names: { 'allowed-hostname': 'client-cert-allowed-hostname' },
  },
  'peer-transport-security': {
    prefix: 'peer-',
    names: { 'allowed-cn': 'peer-cert-allowed-cn', 'allowed-hostname': 'peer-cert-allowed-hostname' },
  },
  'discovery-config': { prefix: 'discovery-' },
};
type FlagsOfKeys = Readonly<Record<string, string>>;

/**
 * Takes a section apart into flags. What it holds decides who may talk to the member, so a key that is not
 * known there is refused and not ignored.
 */
function flattenSection(path: string, section: string, fields: Map<string, unknown>): void {
  const inner = fields.get(section);
  fields.delete(section);
  if (inner === undefined || inner === null) return;
  if (!isMap(inner)) throw new ConfigError(`${path}: ${section} must be a map`);
  const { prefix, names = {} } = fileSections[section] ?? { prefix: '' };
  for (const [key, value] of Object.entries(inner)) {
    const flag = names[key] ?? `${prefix}${key}`;
    if (configKeys.some((field) => metaOf(field).flag === flag)) fields.set(flag, value);
    else if (value !== null && value !== '' && value !== false)
      throw new ConfigError(`${path}: ${section}: ${key} is not supported by this version`);
  }
}

function readMap(path: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigError(
      `--config-file: cannot read ${path} (${error instanceof Error ? error.message : String(error)})`,
    );
  }
  let document: unknown;
  try {
    document = parseYaml(text);
  } catch (error) {
    throw new ConfigError(
      `--config-file: ${path} is neither YAML nor JSON (${String(error).split('\n')[0]})`,
    );
  }
  if (document === null) return {};
  if (!isMap(document)) throw new ConfigError(`--config-file: ${path} must hold a map of settings`);
  return document;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sentenceOf(error: z.ZodError, originOf: (key: ConfigKey) => string): string {
  const issue = error.issues[0];
  const key = configKeys.find((candidate) => candidate === issue?.path[0]);
  return key === undefined ? error.message : `${originOf(key)}: ${issue?.message}`;
}

/** Values that follow from others when they are not given. */
function withDerivedValues(config: ServerConfig, given: Readonly<Record<string, unknown>>): ServerConfig {
  if (given['listenClientUrls'] !== undefined && given['advertiseClientUrls'] === undefined) {
    throw new ConfigError('--advertise-client-urls is required when --listen-client-urls is set explicitly');
  }
  const derived = { ...config };
  derived.dataDir ||= `${config.name}.etcd`;
  if (derived.advertiseClientUrls.length === 0) derived.advertiseClientUrls = ['http://localhost:2379'];
  derived.initialCluster ||= config.initialAdvertisePeerUrls.map((url) => `${config.name}=${url}`).join(',');
  // Empty means all, as * does.
  derived.cors ||= '*';
  derived.hostWhitelist ||= '*';
  derived.backendBatchIntervalMs ||= 100;
  derived.backendBatchLimit ||= 10_000;
  return derived;
}

function checkNotBuilt(config: ServerConfig, originOf: (key: ConfigKey) => string): void {
  const defaults = serverConfig.parse({});
  for (const key of configKeys) {
    const { notBuilt } = metaOf(key);
    if (notBuilt === undefined || isDeepStrictEqual(config[key], defaults[key])) continue;
    throw new ConfigError(`${originOf(key)} needs ${notBuilt}, which this version does not support`);
  }
  for (const key of ['listenPeerUrls', 'listenClientUrls'] as const) {
    const secure = config[key].find((url) => /^(https|unixs):/.test(url));
    if (secure !== undefined)
      throw new ConfigError(`${originOf(key)}: ${secure} needs TLS, which this version does not support`);
  }
}

/** Rules over several fields (reference: validation of the configuration). */
function checkTogether(config: ServerConfig): void {
  if (config.electionTimeoutMs < 5 * config.heartbeatIntervalMs) {
    throw new ConfigError(
      `--election-timeout[${config.electionTimeoutMs}ms] should be at least as 5 times as --heartbeat-interval[${config.heartbeatIntervalMs}ms]`,
    );
  }
  if (config.listenClientUrls.length === 0)
    throw new ConfigError('--listen-client-urls: at least one URL is needed');
  if (config.listenPeerUrls.length === 0)
    throw new ConfigError('--listen-peer-urls: at least one URL is needed');
  const journal = config.logOutputs.split(',').find((output) => output.trim() === 'systemd/journal');
  if (journal !== undefined)
    throw new ConfigError(
      `--log-outputs: ${journal} is not supported by this version: the journal takes stderr`,
    );
  retentionOf(config);
}

/** What `--auto-compaction-retention` means in its mode; undefined when it is off. @throws ConfigError */
export function retentionOf(
  config: ServerConfig,
): { mode: 'periodic'; retentionMs: number } | { mode: 'revision'; retentionRevisions: number } | undefined {
  const { autoCompactionMode, autoCompactionRetention } = config;
  const isNumber = /^\d+$/.test(autoCompactionRetention);
  if (autoCompactionMode === 'revision') {
    if (!isNumber)
      throw new ConfigError(
        `--auto-compaction-retention: "${autoCompactionRetention}" is not a number of revisions`,
      );
    const retentionRevisions = Number(autoCompactionRetention);
    return retentionRevisions === 0 ? undefined : { mode: 'revision', retentionRevisions };
  }
  const retentionMs = isNumber
    ? Number(autoCompactionRetention) * 3_600_000
    : parseDuration(autoCompactionRetention);
  if (retentionMs === undefined || retentionMs < 0) {
    throw new ConfigError(
      `--auto-compaction-retention: "${autoCompactionRetention}" is neither hours nor a duration such as 10m`,
    );
  }
  return retentionMs === 0 ? undefined : { mode: 'periodic', retentionMs };
}

/**
 * What a member needs to make a new cluster; one that has a log goes by that instead, and these flags are
 * ignored, as in etcd.
 *
 * @throws ConfigError
 */
export function checkNewCluster(config: ServerConfig): void {
  if (config.initialClusterState === 'existing') {
    throw new ConfigError(
      '--initial-cluster-state: joining an existing cluster is not supported by this version',
    );
  }
  const own = config.initialCluster
    .split(',')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${config.name}=`))
    .map((pair) => pair.slice(config.name.length + 1));
  const advertised = [...config.initialAdvertisePeerUrls].sort().join(',');
  if (own.length > 0 && own.sort().join(',') !== advertised) {
    throw new ConfigError(
      `--initial-cluster gives ${config.name} the peer URLs ${own.join(',')}, --initial-advertise-peer-urls ` +
        `gives it ${advertised}: they must be the same`,
    );
  }
}
