import type { Downgrade } from '@quorate/membership';
import type { PeerVersions } from '@quorate/peer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canStartWith, decideClusterVersion, VersionMonitor } from '../src/version-monitor.ts';
import { compareVersions, formatClusterVersion, parseVersion } from '../src/versions.ts';

const noDowngrade: Downgrade = { isEnabled: false, targetVersion: '' };
const downTo = (targetVersion: string): Downgrade => ({ isEnabled: true, targetVersion });

/** A leader that drives its monitor, beside peers that run these servers; undefined is one that is down. */
function newLeader({
  serverVersion = '3.6.14',
  servers = [] as readonly (string | undefined)[],
  clusterVersion = undefined as string | undefined,
  downgrade = noDowngrade,
} = {}) {
  const cluster = {
    servers: new Map(servers.map((server, at) => [BigInt(at + 2), server])),
    clusterVersion,
    downgrade,
    isLeader: true,
    /** Peers answer only when this resolves. */
    gate: Promise.resolve(),
    asked: 0,
    proposed: [] as string[],
    failed: [] as unknown[],
    proposeError: undefined as Error | undefined,
  };
  const propose = async (what: string, apply: () => void): Promise<void> => {
    cluster.proposed.push(what);
    if (cluster.proposeError !== undefined) throw cluster.proposeError;
    apply();
  };
  const monitor = new VersionMonitor({
    serverVersion,
    peers: () => [...cluster.servers.keys()],
    versions: async (peer): Promise<PeerVersions> => {
      cluster.asked++;
      await cluster.gate;
      const server = cluster.servers.get(peer);
      if (server === undefined) throw new Error('unreachable');
      return { server, cluster: cluster.clusterVersion ?? 'not_decided' };
    },
    clusterVersion: () => cluster.clusterVersion,
    downgrade: () => cluster.downgrade,
    isLeader: () => cluster.isLeader,
    proposeClusterVersion: (version) => propose(version, () => (cluster.clusterVersion = version)),
    proposeDowngradeCancel: () => propose('cancel', () => (cluster.downgrade = noDowngrade)),
    observer: { onVersionCheckFailed: (error) => cluster.failed.push(error) },
  });
  let nowMs = 0;
  /** Lets time pass in steps of 100 ms, each check to its end. */
  const run = async (byMs: number): Promise<void> => {
    for (const endMs = nowMs + byMs; nowMs < endMs;) {
      nowMs += 100;
      monitor.tick(nowMs);
      await monitor.idle();
    }
  };
  monitor.tick(0);
  return { monitor, cluster, run };
}

test('a member alone decides on its own version before the call returns', () => {
  const { monitor, cluster } = newLeader();
  monitor.onFirstCommitOfTerm(0);
  expect(cluster.proposed).toEqual(['3.6.0']);
});

test('the first version is that of the oldest server when all can be asked', async () => {
  const { monitor, cluster } = newLeader({ servers: ['3.5.30', '3.7.1'] });
  monitor.onFirstCommitOfTerm(0);
  await monitor.idle();
  expect(cluster.proposed).toEqual(['3.5.0']);
});

test('the first version is 3.0.0 when a member cannot be asked, and goes up when it can', async () => {
  const { monitor, cluster, run } = newLeader({ servers: ['3.6.1', undefined] });
  monitor.onFirstCommitOfTerm(0);
  await monitor.idle();
  expect(cluster.proposed).toEqual(['3.0.0']);
  await run(8_000);
  expect(cluster.proposed).toEqual(['3.0.0']);
  cluster.servers.set(3n, '3.6.2');
  await run(4_000);
  expect(cluster.proposed).toEqual(['3.0.0', '3.6.0']);
});

test('members are asked every four seconds, and the version follows the last one that is upgraded', async () => {
  const { cluster, run } = newLeader({ servers: ['3.5.30', '3.5.30'], clusterVersion: '3.5.0' });
  await run(3_900);
  expect(cluster.asked).toBe(0);
  await run(100);
  expect(cluster.asked).toBe(2);
  cluster.servers.set(2n, '3.6.0');
  await run(4_000);
  expect(cluster).toMatchObject({ asked: 4, proposed: [] });
  cluster.servers.set(3n, '3.6.0');
  await run(4_000);
  expect(cluster).toMatchObject({ asked: 6, proposed: ['3.6.0'] });
  await run(8_000);
  expect(cluster.proposed).toEqual(['3.6.0']);
});

test('a member that says nonsense is one that could not be asked', async () => {
  const { cluster, run } = newLeader({ servers: ['soon'], clusterVersion: '3.5.0' });
  await run(4_000);
  expect(cluster).toMatchObject({ asked: 1, proposed: [] });
});

test('a follower asks and proposes nothing', async () => {
  const { monitor, cluster, run } = newLeader({ servers: ['3.6.0'], downgrade: downTo('3.5.0') });
  cluster.isLeader = false;
  monitor.onFirstCommitOfTerm(0);
  await run(20_000);
  expect(cluster).toMatchObject({ asked: 0, proposed: [] });
});

test('a leader that is deposed while it asks proposes nothing', async () => {
  const { monitor, cluster } = newLeader({ servers: ['3.6.0'] });
  const gate = Promise.withResolvers<void>();
  cluster.gate = gate.promise;
  monitor.onFirstCommitOfTerm(0);
  cluster.isLeader = false;
  gate.resolve();
  await monitor.idle();
  expect(cluster).toMatchObject({ asked: 1, proposed: [] });
});

test('one check runs at a time; a first commit meanwhile is looked at when it has ended', async () => {
  const { monitor, cluster } = newLeader({ servers: ['3.6.0'] });
  const gate = Promise.withResolvers<void>();
  cluster.gate = gate.promise;
  monitor.onFirstCommitOfTerm(0);
  monitor.onFirstCommitOfTerm(100);
  monitor.tick(200);
  expect(cluster.asked).toBe(1);
  gate.resolve();
  await monitor.idle();
  monitor.tick(300);
  await monitor.idle();
  expect(cluster.asked).toBe(2);
});

test('a peer that never answers is given up after four seconds', async () => {
  const { monitor, cluster } = newLeader({ servers: ['3.6.0'] });
  cluster.gate = new Promise(() => {});
  monitor.onFirstCommitOfTerm(0);
  monitor.tick(100);
  monitor.tick(4_100);
  await monitor.idle();
  expect(cluster.proposed).toEqual(['3.0.0']);
});

test('a proposal that fails is reported and made again at the next time', async () => {
  const { monitor, cluster, run } = newLeader();
  cluster.proposeError = new Error('no quorum');
  monitor.onFirstCommitOfTerm(0);
  await monitor.idle();
  expect(cluster.failed).toEqual([cluster.proposeError]);
  cluster.proposeError = undefined;
  await run(4_000);
  expect(cluster.proposed).toEqual(['3.6.0', '3.6.0']);
  expect(cluster.clusterVersion).toBe('3.6.0');
});

test('a downgrade lowers the cluster version, and ends when the last server went down', async () => {
  const { monitor, cluster, run } = newLeader({
    serverVersion: '3.6.14',
    servers: ['3.6.14', '3.6.14'],
    clusterVersion: '3.6.0',
    downgrade: downTo('3.5.0'),
  });
  await run(10_000);
  expect(cluster.proposed).toEqual(['3.5.0']);
  cluster.servers.set(2n, '3.5.30');
  cluster.servers.set(3n, '3.5.30');
  await run(10_000);
  // Its own server is still the higher one.
  expect(cluster.proposed).toEqual(['3.5.0']);
  await monitor.close();

  const next = newLeader({
    serverVersion: '3.5.30',
    servers: ['3.5.30', undefined],
    clusterVersion: '3.5.0',
    downgrade: downTo('3.5.0'),
  });
  await next.run(10_000);
  expect(next.cluster.proposed).toEqual([]);
  next.cluster.servers.set(3n, '3.5.29');
  await next.run(5_000);
  expect(next.cluster.proposed).toEqual(['cancel']);
  await next.run(10_000);
  expect(next.cluster.proposed).toEqual(['cancel']);
});

test('a downgrade that is over by the time the members answer is not canceled again', async () => {
  const { monitor, cluster, run } = newLeader({
    serverVersion: '3.5.30',
    servers: ['3.5.30'],
    clusterVersion: '3.5.0',
    downgrade: downTo('3.5.0'),
  });
  await run(4_900);
  const gate = Promise.withResolvers<void>();
  cluster.gate = gate.promise;
  monitor.tick(5_000);
  cluster.downgrade = noDowngrade;
  gate.resolve();
  await monitor.idle();
  expect(cluster.proposed).toEqual([]);
});

test('a closed monitor gives up at once and starts nothing more', async () => {
  const { monitor, cluster } = newLeader({ servers: ['3.6.0'] });
  cluster.gate = new Promise(() => {});
  monitor.onFirstCommitOfTerm(0);
  await monitor.close();
  monitor.tick(60_000);
  monitor.onFirstCommitOfTerm(60_000);
  await monitor.idle();
  expect(cluster).toMatchObject({ asked: 1, proposed: [] });
});

const versions = fc.record({ major: fc.integer({ min: 3, max: 4 }), minor: fc.nat(4) });

test('a version that is decided is a new one, and one that every server may run with', () => {
  fc.assert(
    fc.property(
      versions,
      fc.option(versions, { nil: undefined }),
      fc.option(versions, { nil: undefined }),
      (current, oldestServer, target) => {
        const downgrade = target === undefined ? noDowngrade : downTo(formatClusterVersion(target));
        const clusterVersion = formatClusterVersion(current);
        const text = decideClusterVersion({ clusterVersion, oldestServer, downgrade });
        if (text === undefined) return;
        const decided = parseVersion(text)!;
        expect(decided.major).toBe(current.major);
        expect(compareVersions(decided, oldestServer!)).toBeLessThanOrEqual(0);
        if (target === undefined) expect(compareVersions(decided, current)).toBeGreaterThan(0);
        else expect(decided).toEqual({ major: current.major, minor: current.minor - 1 });
        // What was decided stays.
        expect(decideClusterVersion({ clusterVersion: text, oldestServer, downgrade })).toBeUndefined();
      },
    ),
  );
});

test.each([
  // cluster, oldest server, target of a downgrade, decided
  ['3.6.0', '3.6.9', undefined, undefined],
  ['3.5.0', '3.7.1', undefined, '3.7.0'],
  ['3.6.0', '3.5.9', undefined, undefined],
  ['3.6.0', '4.0.0', undefined, undefined],
  ['3.6.0', '3.6.9', '3.5.0', '3.5.0'],
  ['3.6.0', '3.6.9', '3.4.0', undefined],
  ['3.6.0', '3.5.9', '3.5.0', undefined],
  ['3.5.0', '3.6.9', '3.5.0', undefined],
])(
  'a cluster at %s whose oldest server is %s with a downgrade to %s goes to %s',
  (cluster, oldest, to, decided) => {
    const downgrade = to === undefined ? noDowngrade : downTo(to);
    const oldestServer = parseVersion(oldest);
    expect(decideClusterVersion({ clusterVersion: cluster, oldestServer, downgrade })).toBe(decided);
  },
);

test('a server starts when it is not older than the cluster', () => {
  for (const clusterVersion of [undefined, '3.0.0', '3.5.0', '3.6.0']) {
    for (const downgrade of [noDowngrade, downTo('3.5.0')]) {
      expect(canStartWith({ serverVersion: '3.6.14', clusterVersion, downgrade })).toEqual({
        canStart: true,
      });
    }
  }
});

test.each([
  ['3.5.30', '3.6.0', noDowngrade, /3\.5\.30, is lower than .* 3\.6\.0; enable a downgrade to 3\.5 first/],
  [
    '3.5.30',
    '3.6.0',
    downTo('3.5.0'),
    /a downgrade to 3\.5 is under way, but the cluster version was not lowered/,
  ],
  ['3.4.1', '3.6.0', noDowngrade, /start a server of that version or a higher one/],
  ['dev', '3.6.0', noDowngrade, /version of this server is not of the form/],
  ['3.6.0', 'dev', noDowngrade, /cluster version is not of the form/],
])(
  'server %s does not start in a cluster at %s, and says why',
  (serverVersion, clusterVersion, downgrade, reason) => {
    const check = canStartWith({ serverVersion, clusterVersion, downgrade });
    expect(check.canStart ? 'it starts' : check.reason).toMatch(reason);
  },
);
