import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { parseDuration } from './field.ts';
import { configKeys, metaOf, serverConfig, type ConfigKey, type ServerConfig } from './schema.ts';

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
    const { flag } = metaOf(key);
    const name = envNameOf(flag);
    known.add(name);
    const fromFlag = flags.get(flag);
    const fromEnv = env[name] === '' ? undefined : env[name];
    if (fromFlag !== undefined && fromEnv !== undefined) {
      throw new ConfigError(
        `conflicting environment variable "${name}" is shadowed by corresponding command-line flag "--${flag}": unset one of them`,
      );
    }
    if (fromFlag === undefined && fromEnv === undefined) continue;
    values[key] = fromFlag ?? fromEnv;
    origins.set(key, fromFlag === undefined ? name : `--${flag}`);
  }
  for (const name of Object.keys(env)) {
    if (name.startsWith('ETCD_') && !known.has(name))
      warnings.push(`unrecognized environment variable ${name}`);
  }
  return { values, originOf: (key) => origins.get(key) ?? `--${metaOf(key).flag}` };
}

/** Sections of the file whose keys are flags with a prefix. */
const transportSections = { 'client-transport-security': '', 'peer-transport-security': 'peer-' } as const;

function fromFile(path: string, warnings: string[]): Given {
  const fields = new Map(Object.entries(readMap(path)));
  for (const [section, prefix] of Object.entries(transportSections)) {
    const inner = fields.get(section);
    if (inner === undefined || inner === null) continue;
    if (!isMap(inner)) throw new ConfigError(`${path}: ${section} must be a map`);
    for (const [key, value] of Object.entries(inner)) fields.set(`${prefix}${key}`, value);
    fields.delete(section);
  }
  const values: Record<string, unknown> = {};
  for (const key of configKeys) {
    const { flag } = metaOf(key);
    const value = fields.get(flag);
    fields.delete(flag);
    if (value === undefined || value === null) continue;
    values[key] = Array.isArray(value) ? value.join(',') : value;
  }
  for (const unknown of fields.keys()) warnings.push(`${path}: unknown key ${unknown} is ignored`);
  return { values, originOf: (key) => `${path}: ${metaOf(key).flag}` };
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
  derived.backendBatchIntervalMs ||= 100;
  derived.backendBatchLimit ||= 10_000;
  return derived;
}

function checkNotBuilt(config: ServerConfig, originOf: (key: ConfigKey) => string): void {
  const defaults = serverConfig.parse({});
  for (const key of configKeys) {
    const { notBuilt } = metaOf(key);
    if (notBuilt === undefined || String(config[key]) === String(defaults[key])) continue;
    throw new ConfigError(`${originOf(key)}: ${notBuilt} is not supported by this version`);
  }
  for (const key of ['listenPeerUrls', 'listenClientUrls'] as const) {
    const secure = config[key].find((url) => /^(https|unixs):/.test(url));
    if (secure !== undefined)
      throw new ConfigError(`${originOf(key)}: ${secure} needs TLS, which is not supported by this version`);
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
  if (config.initialClusterState === 'existing') {
    throw new ConfigError(
      '--initial-cluster-state: joining an existing cluster is not supported by this version',
    );
  }
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
