import { decodeConfState, MembershipError } from '@quorate/membership';
import { metaKeys } from '@quorate/replica';
import { fromUtf8, toUtf8, uint64FromBytes } from '@quorate/std';
import { DataDirError } from './errors.ts';

/** A version of the format of a store: patches share one. */
export interface StorageVersion {
  readonly major: number;
  readonly minor: number;
}

/** The row that names the version came with this one. */
const versionRowSince: StorageVersion = { major: 3, minor: 6 };
/** What a store without that row is of. */
export const oldestVersion: StorageVersion = { major: 3, minor: 5 };
/** What members of this program run as: they do not start in a cluster whose version is above it. */
export const servedVersion: StorageVersion = { major: 3, minor: 6 };
/** The newest version whose format is known. */
export const newestVersion: StorageVersion = { major: 3, minor: 7 };

/** One row of bucket `meta`; undefined when there is none. */
export type MetaReader = (key: Uint8Array) => Uint8Array | undefined;

/** Reads `X.Y`, or with `patch` also `X.Y.Z`; undefined when it is none. */
export function parseStorageVersion(text: string): StorageVersion | undefined {
  const [, major, minor] = /^(\d{1,6})\.(\d{1,6})(?:\.\d+.*)?$/.exec(text) ?? [];
  return major === undefined || minor === undefined
    ? undefined
    : { major: Number(major), minor: Number(minor) };
}

/** `X.Y.0`, as etcd has it. */
export function formatStorageVersion({ major, minor }: StorageVersion): string {
  return `${major}.${minor}.0`;
}

/** Below 0 when `a` is older, 0 when they are the same, above 0 when it is newer. */
export function compareStorageVersions(a: StorageVersion, b: StorageVersion): number {
  return a.major - b.major || a.minor - b.minor;
}

/** Which version a store is of. @throws DataDirError MIGRATION_REFUSED with etcd's texts, when it does not say so */
export function detectStorageVersion(meta: MetaReader): StorageVersion {
  const stored = meta(metaKeys.storageVersion);
  const version = stored === undefined ? undefined : parseStorageVersion(toUtf8(stored));
  if (version !== undefined) return version;
  if (stored !== undefined) throw unknown('the row storageVersion holds no version');
  if (!hasConfState(meta)) throw unknown('missing confstate information');
  const term = meta(metaKeys.term);
  if (term === undefined || term.length !== 8 || uint64FromBytes(term) === 0n)
    throw unknown('missing term information');
  return oldestVersion;
}

/** The row `storageVersion` that a store of this version has; undefined for none. */
export function versionRow(version: StorageVersion): Uint8Array | undefined {
  if (compareStorageVersions(version, versionRowSince) < 0) return undefined;
  return fromUtf8(formatStorageVersion(version));
}

function hasConfState(meta: MetaReader): boolean {
  const stored = meta(metaKeys.confState);
  if (stored === undefined) return false;
  try {
    decodeConfState(stored);
    return true;
  } catch (error) {
    if (error instanceof MembershipError) return false;
    throw error;
  }
}

function unknown(reason: string): DataDirError {
  return new DataDirError('MIGRATION_REFUSED', `cannot detect storage schema version: ${reason}`);
}
