import { toUtf8 } from '@quorate/std';
import { expect, test } from 'vitest';
import { withCluster, type ProcessCluster } from '../src/cluster/process-cluster.ts';
import { until } from '../src/cluster/until.ts';
import { GrpcCaller } from '../src/differential/grpc-caller.ts';
import { etcdctl } from '../src/etcdctl.ts';
import { etcdBin, type MemberKind } from '../src/member-process.ts';
import { answered, leaderOf, RecipeCalls, statusOf, type Outcome } from '../src/recipes/recipe-calls.ts';
import { RunningCtl } from '../src/recipes/running-ctl.ts';

const clusters: readonly { readonly of: string; readonly kinds: readonly MemberKind[] }[] = [
  { of: 'one member', kinds: ['quorate'] },
  { of: 'three members', kinds: ['quorate', 'quorate', 'quorate'] },
  { of: 'three members, two of them of etcd,', kinds: ['etcd', 'quorate', 'etcd'] },
];

/** Where etcdctl asks, and where the services are asked: at members that do not lead, if there are such. */
interface Sides {
  readonly ctl: string;
  readonly service: string;
}

async function sidesOf(cluster: ProcessCluster): Promise<Sides> {
  const quorate = cluster.members.find(({ kind }) => kind === 'quorate')!;
  const other = cluster.members.find((member) => member !== quorate) ?? quorate;
  if (other !== quorate) await cluster.moveLeader(other);
  const third = cluster.members.find((member) => member !== quorate && member !== other) ?? quorate;
  return { ctl: third.endpoint, service: quorate.endpoint };
}

function callsOf(caller: GrpcCaller): RecipeCalls {
  return new RecipeCalls((path, request, options) => caller.unary(path, request, options));
}

async function untilKeys(calls: RecipeCalls, prefix: string, count: number): Promise<void> {
  await until(`${count} keys below ${prefix}`, async () =>
    (await calls.keys(prefix)).kvs.length === count ? true : undefined,
  );
}

/** What a call has come to so far. */
function watched<T>(outcome: Promise<Outcome<T>>): { readonly outcome: Promise<Outcome<T>>; status: string } {
  const call = { outcome, status: 'waiting' };
  void outcome.then((known) => (call.status = statusOf(known)));
  return call;
}

test.skipIf(etcdBin === undefined).each(clusters)(
  'etcdctl and the service of $of share a lock and take turns (needs QUORATE_ETCD_BIN)',
  { timeout: 120_000 },
  async ({ kinds }) => {
    await withCluster({ kinds }, async (cluster) => {
      const { ctl, service } = await sidesOf(cluster);
      using caller = new GrpcCaller(service);
      const calls = callsOf(caller);
      await using first = new RunningCtl(ctl, ['lock', 'job']);
      const [firstKey] = await first.untilLines(1);
      expect((await calls.keys('job/')).kvs.map(({ key }) => toUtf8(key))).toEqual([firstKey]);
      const second = watched(calls.lock('job', 0n));
      await untilKeys(calls, 'job/', 2);
      await using third = new RunningCtl(ctl, ['lock', 'job']);
      await untilKeys(calls, 'job/', 3);
      expect([second.status, third.lines]).toEqual(['waiting', []]);
      await first.interrupt();
      const secondKey = toUtf8(answered(await second.outcome).key);
      expect(third.lines).toEqual([]);
      expect((await calls.keys('job/')).kvs).toHaveLength(2);
      expect(statusOf(await calls.unlock(secondKey))).toBe('0');
      const [thirdKey] = await third.untilLines(1);
      expect((await calls.keys('job/')).kvs.map(({ key }) => toUtf8(key))).toEqual([thirdKey]);
      await third.interrupt();
      const run = await etcdctl(ctl, { args: ['lock', 'job', 'echo', 'done'] });
      expect(run).toMatchObject({ stdout: 'done\n', code: 0 });
      expect((await calls.keys('job/')).kvs).toEqual([]);
    });
  },
);

test.skipIf(etcdBin === undefined).each(clusters)(
  'etcdctl and the service of $of stand in one election, and both hear of it (needs QUORATE_ETCD_BIN)',
  { timeout: 120_000 },
  async ({ kinds }) => {
    await withCluster({ kinds }, async (cluster) => {
      const { ctl, service } = await sidesOf(cluster);
      using caller = new GrpcCaller(service);
      const calls = callsOf(caller);
      await using first = new RunningCtl(ctl, ['elect', 'who', 'one']);
      const [firstKey] = await first.untilLines(2);
      await using listener = new RunningCtl(ctl, ['elect', '-l', 'who']);
      expect(await listener.untilLines(2)).toEqual([firstKey, 'one']);
      const { kv } = answered(await calls.leader('who'));
      expect([toUtf8(kv!.key), toUtf8(kv!.value)]).toEqual([firstKey, 'one']);
      const second = watched(calls.campaign({ name: 'who', lease: 0n, value: 'two' }));
      await untilKeys(calls, 'who/', 2);
      await using third = new RunningCtl(ctl, ['elect', 'who', 'three']);
      await untilKeys(calls, 'who/', 3);
      expect([second.status, third.lines]).toEqual(['waiting', []]);
      await first.interrupt();
      const leader = leaderOf(await second.outcome);
      await listener.untilLines(4);
      expect(statusOf(await calls.proclaim(leader, 'dos'))).toBe('0');
      const secondKey = toUtf8(leader.key);
      expect((await listener.untilLines(6)).slice(2)).toEqual([secondKey, 'two', secondKey, 'dos']);
      expect(third.lines).toEqual([]);
      expect(statusOf(await calls.resign(leader))).toBe('0');
      const [thirdKey] = await third.untilLines(2);
      expect((await listener.untilLines(8)).slice(6)).toEqual([thirdKey, 'three']);
      const last = answered(await calls.leader('who')).kv!;
      expect([toUtf8(last.key), toUtf8(last.value)]).toEqual([thirdKey, 'three']);
      expect(statusOf(await calls.proclaim(leader, 'x'))).toBe('2 election: not leader');
    });
  },
);
