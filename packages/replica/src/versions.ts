/** A version as far as clusters go by it: patches and pre-releases of one `X.Y` are the same to them. */
export interface Version {
  readonly major: number;
  readonly minor: number;
}

/** What a cluster agrees on first while not every member says what it is; every 3.x server can do that much. */
export const lowestClusterVersion = '3.0.0';

/** A suffix belongs to `X.Y.Z` only, and may be empty; both as etcd reads versions. */
const pattern = /^(\d+)\.(\d+)(?:\.(\d+)(?:-[0-9A-Za-z.-]*)?(?:\+[0-9A-Za-z.-]*)?)?$/;

/** Reads `X.Y` or `X.Y.Z`, the latter with `-pre-release` and `+build` or without; undefined when it is neither. */
export function parseVersion(text: string): Version | undefined {
  const [, ...parts] = pattern.exec(text) ?? [];
  const [major, minor, patch = 0] = parts.filter((part) => part !== undefined).map(Number);
  if (major === undefined || minor === undefined) return undefined;
  return [major, minor, patch].every(Number.isSafeInteger) ? { major, minor } : undefined;
}

/** Below 0 when `a` is older, 0 when they are the same `X.Y`, above 0 when it is newer. */
export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor;
}

/** `X.Y`, as answers to Downgrade have it. */
export function formatMinorVersion({ major, minor }: Version): string {
  return `${major}.${minor}`;
}

/** `X.Y.0`, as the log and the store have it. */
export function formatClusterVersion({ major, minor }: Version): string {
  return `${major}.${minor}.0`;
}

/** Whether a cluster can go from one version down to the other: exactly one minor version at a time. */
export function isOneMinorBelow(target: Version, from: Version): boolean {
  return target.major === from.major && target.minor === from.minor - 1;
}

/**
 * Whether checkpoints of leases are stored, and so are the same on all members over restarts: from 3.6 on (reference:
 * checkpointing). Members of 3.5 read no such rows.
 */
export function storesLeaseCheckpoints(clusterVersion: string | undefined): boolean {
  const version = parseVersion(clusterVersion ?? '');
  return version !== undefined && compareVersions(version, { major: 3, minor: 6 }) >= 0;
}
