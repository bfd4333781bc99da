import { ConfigError } from './errors.ts';
import { loadGiven, type LoadedConfig } from './given.ts';
import { configKeys, metaOf, type ConfigKey, type ServerConfig } from './schema.ts';

/**
 * The settings of a member as an object: etcd's flags by the names of `ServerConfig` (`--quota-backend-bytes` is
 * `quotaBytes`). Times are milliseconds.
 */
export type MemberOptions = {
  readonly [K in Exclude<ConfigKey, 'featureGates'>]?:
    (ServerConfig[K] extends string[] ? readonly string[] : ServerConfig[K]) | undefined;
} & {
  /** Features to switch, by their names. */
  readonly featureGates?: Readonly<Record<string, boolean>> | undefined;
};

/**
 * Checks options as flags are checked, and adds what is left out. Nothing is read from the environment.
 *
 * @throws ConfigError that names the option
 */
export function configOf(options: MemberOptions): LoadedConfig {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    const key = configKeys.find((known) => known === name);
    if (key === undefined) throw new ConfigError(`${name}: there is no such option`);
    if (value !== undefined) values[key] = asWritten(key, value);
  }
  return loadGiven({ values, originOf: (key) => key });
}

/** The value as a flag would have it. */
function asWritten(key: ConfigKey, value: unknown): unknown {
  const { kind } = metaOf(key);
  // A bare number is nanoseconds, in a config file.
  if (kind === 'duration' && typeof value === 'number') return `${toPlainNumber(key, value)}ms`;
  if (Array.isArray(value)) return value.join(',');
  if (key === 'featureGates' && typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([gate, isOn]) => `${gate}=${String(isOn)}`)
      .join(',');
  }
  return value;
}

function toPlainNumber(key: ConfigKey, value: number): string {
  if (!Number.isFinite(value)) throw new ConfigError(`${key}: ${value} is no number of milliseconds`);
  // Neither 1e21 nor 1e-7, which durations are not written with.
  return value.toLocaleString('en-US', { useGrouping: false, maximumFractionDigits: 6 });
}
