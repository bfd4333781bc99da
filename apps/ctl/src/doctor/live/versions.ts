/** A version as `3.5.30`, with whatever stands behind it. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** Reads `3.5.30` or `3.6`; undefined for what is none. */
export function parseVersion(text: string): Version | undefined {
  const [, major, minor, patch = '0'] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  if (major === undefined || minor === undefined) return undefined;
  return { major: Number(major), minor: Number(minor), patch: Number(patch) };
}

/** Below zero when `a` is older than `b`, above when it is newer; by minor version only, when asked. */
export function compareVersions(a: Version, b: Version, { minorOnly = false } = {}): number {
  return a.major - b.major || a.minor - b.minor || (minorOnly ? 0 : a.patch - b.patch);
}
