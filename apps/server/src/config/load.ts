import { readFileSync } from 'node:fs';
import { parse as parseYaml } from 'yaml';
import { ConfigError } from './errors.ts';
import { givenTwice, loadGiven, type Given, type LoadedConfig } from './given.ts';
import { configKeys, metaOf, namesOf, type ConfigKey } from './schema.ts';

export { ConfigError } from './errors.ts';
export { retentionOf } from './checks.ts';
export type { LoadedConfig } from './given.ts';

/** Where the configuration comes from. */
export interface ConfigSources {
  /** Flags given on the command line, by their names without dashes. */
  readonly flags: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
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
  const loaded = loadGiven(given);
  return { config: loaded.config, warnings: [...warnings, ...loaded.warnings] };
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
  return {
    values,
    originOf: (key) => origins.get(key) ?? `--${metaOf(key).flag}`,
    isFlag: (key) => namesOf(key).some((flag) => flags.has(flag)),
  };
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
const fileSections: Readonly<Record<string, FileSection>> = {
  'client-transport-security': {
    prefix: '',
    names: { 'allowed-hostname': 'client-cert-allowed-hostname' },
  },
  'peer-transport-security': {
    prefix: 'peer-',
    names: { 'allowed-cn': 'peer-cert-allowed-cn', 'allowed-hostname': 'peer-cert-allowed-hostname' },
  },
  'discovery-config': {
    prefix: 'discovery-',
    names: { username: 'discovery-user' },
    nested: ['client', 'secure', 'auth'],
  },
};

interface FileSection {
  readonly prefix: string;
  /** Keys whose flag is not the prefix and the key. */
  readonly names?: Readonly<Record<string, string>>;
  /** Keys that hold maps of the same kind. */
  readonly nested?: readonly string[];
}

/**
 * Takes a section apart into flags. What it holds decides who may talk to the member, so a key that is not
 * known there is refused and not ignored.
 */
function flattenSection(path: string, section: string, fields: Map<string, unknown>): void {
  const inner = fields.get(section);
  fields.delete(section);
  flattenInto(fields, inner, { path: `${path}: ${section}`, ...(fileSections[section] ?? { prefix: '' }) });
}

function flattenInto(
  fields: Map<string, unknown>,
  inner: unknown,
  section: FileSection & { readonly path: string },
): void {
  if (inner === undefined || inner === null) return;
  const { path, prefix, names = {}, nested = [] } = section;
  if (!isMap(inner)) throw new ConfigError(`${path} must be a map`);
  for (const [key, value] of Object.entries(inner)) {
    const flag = names[key] ?? `${prefix}${key}`;
    if (nested.includes(key)) flattenInto(fields, value, { ...section, path: `${path}: ${key}` });
    else if (configKeys.some((field) => metaOf(field).flag === flag)) fields.set(flag, value);
    else if (value !== null && value !== '' && value !== false)
      throw new ConfigError(`${path}: ${key} is not supported by this version`);
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
