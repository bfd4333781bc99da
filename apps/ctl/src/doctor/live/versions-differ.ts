import { finding, ok, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { answering, eachAnswering, wholeCluster } from './members.ts';
import { compareVersions, parseVersion, type Version } from './versions.ts';

/** Members of several versions: an upgrade under way, or one that was forgotten. */
export const versionsDiffer: Check<ClusterFacts> = {
  id: 'versions-differ',
  title: 'all members run the same version',
  why: 'the cluster speaks the oldest version among its members; more than one minor version apart they are not tested together',
  runbook: 'upgrade',
  examine(facts) {
    const members = answering(facts);
    if (members.length < 2) return [];
    const versions = new Map(members.map(({ endpoint, status }) => [endpoint, status.version]));
    if (new Set(versions.values()).size === 1)
      return [ok(wholeCluster, `all run ${members[0]?.status.version ?? ''}`)];
    const seen = [...versions].map(([endpoint, version]) => `${endpoint} runs ${version}`).join(', ');
    const severity = isFarApart([...versions.values()]) ? 'warning' : 'advice';
    return [
      finding(severity, wholeCluster, seen, [
        'Finish the upgrade: back up, then stop, replace and start one member after the other, followers first',
        '$ quoratectl endpoint health --cluster',
      ]),
    ];
  },
};

function isFarApart(texts: readonly string[]): boolean {
  const versions = texts.map(parseVersion).filter((version): version is Version => version !== undefined);
  const sorted = versions.toSorted((a, b) => compareVersions(a, b));
  const [oldest, newest] = [sorted[0], sorted.at(-1)];
  if (oldest === undefined || newest === undefined) return false;
  return oldest.major !== newest.major || newest.minor - oldest.minor > 1;
}

/** Versions with known loss of data, and those that get no fixes any more. */
export const versionOld: Check<ClusterFacts> = {
  id: 'version-old',
  title: 'versions have no known loss of data, and get fixes',
  why: 'errors that are known to lose data, or to let strangers in, are not fixed in them',
  runbook: 'upgrade',
  examine: (facts) =>
    eachAnswering(facts, ({ endpoint, status }) => {
      const version = parseVersion(status.version);
      const trouble = version && troubleOf(version);
      if (trouble === undefined) return ok(endpoint, status.version);
      const { severity, text } = trouble;
      return finding(severity, endpoint, `it runs ${status.version}: ${text}`, [
        'Back up: $ quoratectl snapshot save backup.db',
        'Upgrade to the newest patch of the same minor version, one member after the other, followers first',
      ]);
    }),
};

function troubleOf(
  version: Version,
): { readonly severity: 'critical' | 'warning'; readonly text: string } | undefined {
  const { major, minor, patch } = version;
  if (major < 3 || (major === 3 && minor < 5))
    return { severity: 'warning', text: 'there are no more fixes for it' };
  if (major !== 3 || minor !== 5) return undefined;
  if (patch < 3)
    return {
      severity: 'critical',
      text: 'a member of 3.5.0 to 3.5.2 that is killed can have other data than the rest from then on',
    };
  if (patch < 5)
    return {
      severity: 'warning',
      text: 'before 3.5.5, a cluster of one can lose a write that it has acknowledged',
    };
  return undefined;
}
