import { finding, ok, unchecked, type Check } from '../check.ts';
import type { ClusterFacts } from '../cluster-facts.ts';
import { answering, eachAnswering, wholeCluster } from './members.ts';
import { compareVersions, parseVersion, type Version } from './versions.ts';

/** The version that members speak with each other must follow when all are upgraded. */
export const clusterVersion: Check<ClusterFacts> = {
  id: 'cluster-version',
  title: 'the version of the cluster is that of its members',
  why: 'what is new in a version stays off until the cluster has it',
  runbook: 'upgrade',
  examine(facts) {
    const members = answering(facts);
    const servers = members
      .map(({ status }) => parseVersion(status.version))
      .filter((version): version is Version => version !== undefined);
    const oldest = servers.toSorted((a, b) => compareVersions(a, b))[0];
    if (oldest === undefined) return [];
    const told = members.flatMap(({ member: { versions } }) => (versions.ok ? [versions.value.cluster] : []));
    const cluster = told.map(parseVersion).find((version) => version !== undefined);
    if (cluster === undefined) return [unchecked(wholeCluster, 'no member tells it at /version')];
    if (compareVersions(cluster, oldest, { minorOnly: true }) >= 0) return [ok(wholeCluster, told[0])];
    const seen = `the cluster is at ${cluster.major}.${cluster.minor}, all members run at least ${oldest.major}.${oldest.minor}`;
    return [
      finding('advice', wholeCluster, seen, [
        'It rises by itself some seconds after the last member was upgraded: see that all members live',
        '$ quoratectl member list -w table',
        'During a downgrade it stays below: $ quoratectl downgrade cancel',
      ]),
    ];
  },
};

/** A downgrade that was begun, and perhaps forgotten. */
export const downgradeBegun: Check<ClusterFacts> = {
  id: 'downgrade',
  title: 'no downgrade is under way',
  why: 'while one is, members of the newer version do not start, and the cluster stays at the older',
  runbook: 'upgrade',
  examine: (facts) =>
    eachAnswering(facts, ({ endpoint, status: { downgradeInfo } }) => {
      if (downgradeInfo?.enabled !== true) return ok(endpoint);
      return finding('warning', endpoint, `a downgrade to ${downgradeInfo.targetVersion} is under way`, [
        'Go on with it: replace one member after the other by the older version',
        'Or call it off: $ quoratectl downgrade cancel',
      ]);
    }),
};

/** The format of the data on disk must not be behind the cluster for long. */
export const storageVersion: Check<ClusterFacts> = {
  id: 'storage-version',
  title: 'data have the format of the cluster',
  why: 'members of the cluster that have different formats cannot all go back to the same version',
  runbook: 'upgrade',
  examine(facts) {
    const members = answering(facts).filter(({ status }) => status.storageVersion !== '');
    if (members.length < 2) return [];
    if (new Set(members.map(({ status }) => status.storageVersion)).size === 1) return [ok(wholeCluster)];
    const seen = members.map(({ endpoint, status }) => `${endpoint} has ${status.storageVersion}`).join(', ');
    return [
      finding('advice', wholeCluster, `formats of data differ: ${seen}`, [
        'Wait until all members are upgraded; each changes its own some seconds later',
        '$ quoratectl endpoint status --cluster -w table',
      ]),
    ];
  },
};
