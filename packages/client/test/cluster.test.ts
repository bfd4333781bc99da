import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { rpcpb } from '@quorate/wire';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { Client } from '../src/index.ts';
import {
  etcdBinFolder,
  freePort,
  freePorts,
  startQuorateCluster,
  startRealCluster,
  type StartClusterOptions,
  type StartedCluster,
} from '../src/testing/index.ts';

// Three servers are started here, which takes a while on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const kinds = [
  { kind: 'Quorate members', start: startQuorateCluster },
  {
    kind: 'real etcds',
    start: (options: StartClusterOptions) => startRealCluster(etcdBinFolder ?? '', options),
  },
];

// etcdutl is needed for both.
describe.skipIf(etcdBinFolder === undefined).each(kinds)(
  'against a cluster of $kind (set QUORATE_ETCD_BIN to run)',
  ({ start }) => {
    let cluster: StartedCluster;
    let client: Client;

    beforeAll(async () => {
      const extraArguments = ['--strict-reconfig-check=false'];
      cluster = await start({ ports: await freePorts(3), extraArguments });
      client = new Client({ endpoints: cluster.endpoints });
    });

    afterAll(async () => {
      await client?.close();
      await cluster?.[Symbol.asyncDispose]();
    });

    async function leader(): Promise<{ readonly endpoint: string; readonly others: readonly bigint[] }> {
      for (const endpoint of cluster.endpoints) {
        const { leader: id, header } = await client.maintenance.status({}, { endpoint });
        if (id === 0n || id !== header?.memberId) continue;
        const { members } = await client.cluster.memberList({ linearizable: true });
        return { endpoint, others: members.map(({ ID }) => ID).filter((other) => other !== id) };
      }
      throw new Error('no member leads');
    }

    test('a learner is added, is not promoted before it has started, and is removed', async () => {
      const peerURLs = [`http://127.0.0.1:${await freePort()}`];
      const { member, members } = await client.cluster.memberAddAsLearner({ peerURLs });
      expect(member).toMatchObject({ peerURLs, isLearner: true });
      expect(members).toHaveLength(4);
      const ID = member?.ID ?? 0n;
      await expect(client.cluster.memberPromote({ ID })).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: 'etcdserver: can only promote a learner member which is in sync with leader',
      });
      const elsewhere = [`http://127.0.0.1:${await freePort()}`];
      const updated = await client.cluster.memberUpdate({ ID, peerURLs: elsewhere });
      expect(updated.members.find((other) => other.ID === ID)?.peerURLs).toEqual(elsewhere);
      expect((await client.cluster.memberRemove({ ID })).members).toHaveLength(3);
      await expect(client.cluster.memberRemove({ ID })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    });

    test('a learner that has started follows, and is promoted', async () => {
      const peerUrl = `http://127.0.0.1:${await freePort()}`;
      const { member } = await client.cluster.memberAddAsLearner({ peerURLs: [peerUrl] });
      const ID = member?.ID ?? 0n;
      await using learner = await cluster.join('learner', peerUrl, { isLearner: true });
      const { isLearner } = await client.maintenance.status({}, { endpoint: learner.endpoint });
      expect(isLearner).toBe(true);
      await vi.waitFor(() => client.cluster.memberPromote({ ID }), { timeout: 30_000, interval: 100 });
      const { members } = await client.cluster.memberRemove({ ID });
      expect(members).toHaveLength(3);
    });

    test('the leadership moves where it is told to, and only the leader can move it', async () => {
      const { endpoint, others } = await leader();
      const follower = cluster.endpoints.find((other) => other !== endpoint);
      const targetID = others[0] ?? 0n;
      await expect(client.maintenance.moveLeader({ targetID }, { endpoint: follower })).rejects.toMatchObject(
        {
          code: 'FAILED_PRECONDITION',
          message: 'etcdserver: not leader',
        },
      );
      await client.maintenance.moveLeader({ targetID }, { endpoint });
      expect((await leader()).others).not.toContain(targetID);
    });

    test('a downgrade is checked', async () => {
      const action = rpcpb.DowngradeRequest_DowngradeAction.VALIDATE;
      await expect(client.maintenance.downgrade({ action, version: '1.0' })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: 'etcdserver: invalid downgrade target version',
      });
    });

    test('a snapshot of any member is a file that etcd’s own tool accepts', async () => {
      await client.put('snapshot/a', new Uint8Array(500_000));
      await client.get('snapshot/a');
      const folder = await mkdtemp(join(tmpdir(), 'quorate-snapshot-'));
      try {
        for (const endpoint of cluster.endpoints) {
          const parts: Uint8Array[] = [];
          for await (const { blob } of client.maintenance.snapshot({ endpoint })) parts.push(blob);
          const file = join(folder, 'snapshot.db');
          await writeFile(file, Buffer.concat(parts));
          const etcdutl = join(etcdBinFolder ?? '', 'etcdutl');
          const { stdout } = await promisify(execFile)(etcdutl, ['snapshot', 'status', file, '-w', 'json']);
          expect(JSON.parse(stdout)).toMatchObject({ totalSize: Buffer.concat(parts).length - 32 });
        }
      } finally {
        await rm(folder, { recursive: true });
      }
    });

    test('sessions, locks, watches and views live on when the member that they talk to is gone', async () => {
      const [first, second, third] = cluster.members;
      if (first === undefined || second === undefined || third === undefined)
        throw new Error('three members');
      await using own = new Client({ endpoints: [first.endpoint, second.endpoint, third.endpoint] });
      await using holding = await own.session({ ttlSeconds: 30 });
      await using wanting = await own.session({ ttlSeconds: 30 });
      const lock = await holding.lock('survives');
      const waiting = wanting.lock('survives');
      await using view = await own.view({ prefix: 'seen/' });
      const { header } = await own.put('seen/before', 'x');
      const events = own.watch({ prefix: 'seen/', startRevision: header.revision })[Symbol.asyncIterator]();
      expect((await events.next()).value?.kv.modRevision).toBe(header.revision);
      await first[Symbol.asyncDispose]();
      // Repeated by the test, which knows that twice is as good as once.
      const after = await vi.waitFor(() => own.put('seen/after', 'x'), { timeout: 60_000, interval: 50 });
      await view.untilRevision(after.header.revision);
      expect(view.get('seen/after')).toBeDefined();
      expect((await events.next()).value?.kv.key).toEqual(view.get('seen/after')?.key);
      await events.return?.(undefined);
      expect(lock.isHeld).toBe(true);
      // When it is not confirmed in time, the session goes on with it.
      await lock.unlock().catch(() => {});
      await using next = await waiting;
      expect(next.isHeld).toBe(true);
      expect(next.fencingToken).toBeGreaterThan(lock.fencingToken);
    });
  },
);
