import { Client, CompactedError } from '@quorate/client';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClusterMember } from '../src/cluster/cluster-member.ts';
import { etcdBin, startEtcd, startQuorate, type MemberKind } from '../src/member-process.ts';
import { disarm, fillStore, root, whatIsServed } from '../src/restore/lived-store.ts';
import { etcdutl, quoratectl, stdoutOf } from '../src/restore/tools.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quorate-restore-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const restorers = { quorate: quoratectl, etcd: etcdutl } as const;

/** Members, each with what a snapshot holds: made by quoratectl or etcdutl, and not started yet. */
async function restoreTo(
  kinds: readonly MemberKind[],
  snapshot: string,
  flags: readonly string[] = [],
): Promise<ClusterMember[]> {
  const members = await Promise.all(
    kinds.map((kind, at) => {
      const name = `m${at}`;
      return ClusterMember.create({ name, kind, dataDir: join(folder, `${kind}-${name}`), flags: [] });
    }),
  );
  const initialCluster = members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  for (const member of members) {
    const { kind, name, peerUrl, dataDir } = member;
    await stdoutOf(
      restorers[kind](
        ...['snapshot', 'restore', snapshot, `--data-dir=${dataDir}`, `--name=${name}`],
        ...[`--initial-cluster=${initialCluster}`, `--initial-advertise-peer-urls=${peerUrl}`, ...flags],
      ),
    );
    member.bootstrap({ initialCluster, state: 'new' });
  }
  return members;
}

const save = (endpoint: string, file: string) =>
  stdoutOf(
    quoratectl(
      '--user=root',
      `--password=${root.password}`,
      `--endpoints=${endpoint}`,
      'snapshot',
      'save',
      file,
    ),
  );

/** A snapshot of a real etcd that has lived, and what it served. */
async function snapshotOfEtcd(file: string): Promise<unknown> {
  await using etcd = await startEtcd({ dataDir: join(folder, 'origin') });
  await fillStore(etcd.endpoint);
  await save(etcd.endpoint, file);
  return await whatIsServed(etcd.endpoint);
}

test('a member serves from its own snapshot what it served', { timeout: 120_000 }, async () => {
  const file = join(folder, 'snapshot.db');
  let served: unknown;
  {
    await using origin = await startQuorate({ dataDir: join(folder, 'origin') });
    await fillStore(origin.endpoint);
    await save(origin.endpoint, file);
    served = await whatIsServed(origin.endpoint);
  }
  const [restored] = await restoreTo(['quorate'], file);
  await using member = restored!;
  await member.start();
  expect(await whatIsServed(member.endpoint)).toEqual(served);
  await disarm(member.endpoint);
  await using client = new Client({ endpoints: [member.endpoint], auth: root });
  const { header } = await client.put('app/0', 'after the restore');
  expect(header.revision).toBe(BigInt((served as { newest: number }).newest) + 1n);
});

describe.skipIf(etcdBin === undefined)('restore (set QUORATE_ETCD_BIN to run)', () => {
  test(
    'what an etcd served, Quorate serves from its snapshot, and an etcd from Quorate’s',
    { timeout: 180_000 },
    async () => {
      const [ofEtcd, ofQuorate] = [join(folder, 'etcd.db'), join(folder, 'quorate.db')];
      const served = await snapshotOfEtcd(ofEtcd);
      const [quorate] = await restoreTo(['quorate'], ofEtcd);
      {
        await using member = quorate!;
        await member.start();
        expect(await whatIsServed(member.endpoint)).toEqual(served);
        await save(member.endpoint, ofQuorate);
        const inUse = await quoratectl('hashkv', `--data-dir=${member.dataDir}`, '--timeout=1ms');
        expect(inUse).toMatchObject({ code: 1, stdout: '' });
        expect(inUse.stderr).toContain(`${member.dataDir} is in use: stop the member that runs on it`);
      }
      const [etcd] = await restoreTo(['etcd'], ofQuorate);
      await using member = etcd!;
      await member.start();
      expect(await whatIsServed(member.endpoint)).toEqual(served);
      const ofRunning = await quoratectl('defrag', `--data-dir=${member.dataDir}`, '--timeout=1ms');
      expect(ofRunning).toMatchObject({ code: 1, stderr: expect.stringContaining('is in use') as unknown });
      await member.stop();

      // At rest, files and directories of both tell the same as what was served.
      const hashOf = (path: string) => stdoutOf(quoratectl('hashkv', path, '--rev=61'));
      const { hashes } = served as { hashes: [number, number, bigint][] }; // As `whatIsServed` makes them.
      const expected = `${hashes[0]?.[1]}, 61, 60\n`;
      for (const path of [ofEtcd, ofQuorate, quorate!.dataDir, member.dataDir])
        expect(await hashOf(path)).toBe(expected);
      for (const format of ['simple', 'json', 'fields', 'table']) {
        const status = (tool: typeof etcdutl) => stdoutOf(tool('snapshot', 'status', ofEtcd, `-w=${format}`));
        expect(await status(quoratectl)).toBe(await status(etcdutl));
      }

      // An etcd goes on with a database that was written anew, and Quorate with a store that was.
      for (const each of [quorate!, member]) {
        expect((await quoratectl('defrag', `--data-dir=${each.dataDir}`)).code).toBe(0);
        await each.start();
        expect(await whatIsServed(each.endpoint)).toEqual(served);
        await each.stop();
      }
    },
  );

  test(
    'three members of both kinds, restored with raised revisions, are one cluster in which nothing old is taken for new',
    { timeout: 180_000 },
    async () => {
      const file = join(folder, 'snapshot.db');
      const served = await snapshotOfEtcd(file);
      const { newest } = served as { newest: number }; // As `whatIsServed` makes it.
      const members = await restoreTo(['quorate', 'etcd', 'quorate'], file, [
        '--bump-revision=1000',
        '--mark-compacted',
      ]);
      await using cleanUp = new AsyncDisposableStack();
      for (const member of members) cleanUp.use(member);
      await Promise.all(members.map((member) => member.start()));
      const endpoints = members.map(({ endpoint }) => endpoint);
      for (const endpoint of endpoints)
        expect(await hashAt(endpoint, newest + 1_000)).toEqual(await hashAt(endpoints[0]!, 0));
      expect(new Set(await Promise.all(endpoints.map((endpoint) => hashAt(endpoint, 0)))).size).toBe(1);

      await disarm(endpoints[0]!);
      await using client = new Client({ endpoints, auth: root });
      const { header } = await client.put('app/0', 'after the restore');
      expect(header.revision).toBe(BigInt(newest) + 1_001n);
      const watch = client.watch({ prefix: 'app/', startRevision: BigInt(newest) });
      await expect(watch[Symbol.asyncIterator]().next()).rejects.toThrow(CompactedError);
      await expect(client.get('app/0', { revision: BigInt(newest) })).rejects.toMatchObject({
        code: 'OUT_OF_RANGE',
      });
      const hashes = await Promise.all(endpoints.map((endpoint) => hashAt(endpoint, newest + 1_001)));
      expect(new Set(hashes).size).toBe(1);
      const { members: known } = await client.cluster.memberList({ linearizable: true });
      expect(known.map(({ name }) => name).sort()).toEqual(['m0', 'm1', 'm2']);
    },
  );
});

async function hashAt(endpoint: string, revision: number): Promise<string> {
  await using client = new Client({ endpoints: [endpoint], auth: root });
  // Linearizable: the member has by then applied what this client knows of.
  await client.kv.range({ key: Uint8Array.of(1), countOnly: true });
  const { hash, compactRevision } = await client.maintenance.hashKv({ revision: BigInt(revision) });
  return `${hash} ${compactRevision}`;
}
