/** When a log file is rotated, and which of the old ones are kept. */
export interface RotationSettings {
  /** Bytes of a file, beyond which a new one is begun. */
  readonly maxBytes: number;
  /** Days that an old file is kept; 0 is for ever. */
  readonly maxAgeDays: number;
  /** Old files that are kept; 0 is all. */
  readonly maxBackups: number;
  /** Whether the names of old files have the time of here, and not UTC. */
  readonly localTime: boolean;
  /** Whether old files are compressed, by gzip. */
  readonly compress: boolean;
}

/** Of a file, where nothing, or 0, is said: as etcd's. */
const defaultMegabytes = 100;

/**
 * Reads `--log-rotation-config-json`: a map with etcd's keys, of which each may be left out, and those of others are
 * ignored. As in Go, capitals make no difference.
 *
 * @throws RangeError that says what is wrong with it, as etcd begins it
 */
export function rotationOf(json: string): RotationSettings {
  const fields = new Map(Object.entries(mapIn(json)).map(([key, value]) => [key.toLowerCase(), value]));
  const megabytes = count(fields, 'maxsize') || defaultMegabytes;
  return {
    maxBytes: megabytes * 1024 * 1024,
    maxAgeDays: count(fields, 'maxage'),
    maxBackups: count(fields, 'maxbackups'),
    localTime: flag(fields, 'localtime'),
    compress: flag(fields, 'compress'),
  };
}

function mapIn(json: string): object {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new RangeError(`improperly formatted log rotation config: ${reason}`, { cause: error });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new RangeError(`invalid log rotation config: it must be a map such as {"maxsize": 100}`);
  return value;
}

function count(fields: ReadonlyMap<string, unknown>, key: string): number {
  const value = fields.get(key) ?? 0;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw new RangeError(`invalid log rotation config: ${key} must be a whole number that is not negative`);
}

function flag(fields: ReadonlyMap<string, unknown>, key: string): boolean {
  const value = fields.get(key) ?? false;
  if (typeof value === 'boolean') return value;
  throw new RangeError(`invalid log rotation config: ${key} must be true or false`);
}
