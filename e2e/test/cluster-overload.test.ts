import { rpcpb } from '@quorate/wire';
import { expect, test } from 'vitest';
import { ProcessCluster, withCluster } from '../src/cluster/process-cluster.ts';

const three = ['quorate', 'quorate', 'quorate'] as const;
const bigBytes = 1024 * 1024;

async function termOf(cluster: ProcessCluster): Promise<bigint> {
  await using client = cluster.client();
  return (await client.maintenance.status({})).raftTerm;
}

test(
  'big writes and reads of everything delay no heartbeat, election or keep-alive so far that it is missed',
  { timeout: 180_000 },
  async () => {
    await withCluster({ kinds: three }, async (cluster) => {
      const leader = await cluster.leader();
      const term = await termOf(cluster);
      const until = performance.now() + 12_000;
      const isOver = (): boolean => performance.now() >= until;
      await using client = cluster.client([leader]);
      await using keeper = cluster.client([leader]);
      // The least TTL there is: two renewals that come late, and it would be gone.
      const { ID, TTL } = await keeper.lease.grant({ ttlSeconds: 1 });
      expect(TTL).toBe(2n);
      await client.put('leased', 'x', { lease: ID });

      const written = { bytes: 0 };
      const read = { bytes: 0 };
      const write = async (writer: number): Promise<void> => {
        for (let at = 0; !isOver(); at++) {
          await client.put(`big/${writer}/${at % 8}`, new Uint8Array(bigBytes).fill(at), {
            timeoutMs: 10_000,
          });
          written.bytes += bigBytes;
        }
      };
      const readAll = async (): Promise<void> => {
        const request = { key: new TextEncoder().encode('big/'), rangeEnd: new TextEncoder().encode('big0') };
        while (!isOver()) {
          const answer = await client.kv.range(rpcpb.RangeRequest.fromPartial(request), {
            timeoutMs: 10_000,
          });
          for (const kv of answer.kvs) read.bytes += kv.value.length;
        }
      };
      const keepAlive = async (): Promise<number> => {
        let renewals = 0;
        for (; !isOver(); renewals++) {
          expect((await keeper.lease.keepAliveOnce(ID)).TTL).toBe(2n);
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        return renewals;
      };
      const [renewals] = await Promise.all([keepAlive(), ...[0, 1, 2, 3].map(write), ...[0, 1].map(readAll)]);

      expect(written.bytes + read.bytes).toBeGreaterThan(50 * bigBytes);
      expect(renewals).toBeGreaterThan(5);
      expect(await client.get('leased')).toBeDefined();
      expect(await termOf(cluster)).toBe(term);
      expect(await cluster.leader()).toBe(leader);
    });
  },
);
