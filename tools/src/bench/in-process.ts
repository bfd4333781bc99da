import { LevelBackend, Replica } from '@quorate/replica';
import { RocksLevel } from '@quorate/rocksdb-level';
import { fromUtf8, systemClock, systemRandom } from '@quorate/std';
import { NodeDisk } from '@quorate/wal';
import { decodeRangeRequest, encodePutRequest, encodeRangeRequest, encodeRangeResponse } from '@quorate/wire';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { rateOf, spreadOf, type Spread } from './measure.ts';

/** Opens a member of its own in a new directory on a real disk. */
export async function openMember(dir: string): Promise<Replica> {
  const backend = await LevelBackend.open(
    new RocksLevel<Uint8Array, Uint8Array>(join(dir, 'store'), {
      keyEncoding: 'view',
      valueEncoding: 'view',
    }),
  );
  const replica = await Replica.open({
    disk: new NodeDisk(),
    walDir: join(dir, 'wal'),
    backend,
    clock: systemClock,
    random: systemRandom,
    name: 'bench',
    initialCluster: 'bench=http://127.0.0.1:2380',
    clusterToken: 'bench',
    clientUrls: [],
    serverVersion: '3.6.14',
  });
  await replica.ready;
  return replica;
}

const rangeDefaults = decodeRangeRequest(new Uint8Array(0));

export interface InProcessResult {
  readonly putsPerSecond: Spread;
  readonly linearizableGetsPerSecond: Spread;
  readonly serializableGetsPerSecond: Spread;
  readonly rangeBytesPerSecond: Spread;
}

/** Puts, gets and ranges through `replica`, without gRPC, on the disk under `parent`. */
export async function benchInProcess(parent: string, runs: number): Promise<InProcessResult> {
  const dir = await mkdtemp(join(parent, 'quorate-bench-'));
  try {
    await using replica = await openMember(dir);
    const keys = Array.from({ length: 100_000 }, (_, i) => fromUtf8(`key/${String(i).padStart(16, '0')}`));
    const value = new Uint8Array(256).fill(7);
    const puts = keys.map((key) =>
      encodePutRequest({ key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false }),
    );
    const put = (n: number) => replica.kv.put(puts[n % puts.length]!);
    await rateOf({ count: 20_000, inFlight: 128, operation: put });

    const putRates: number[] = [];
    const linearizable: number[] = [];
    const serializable: number[] = [];
    for (let run = 0; run < runs; run++) {
      putRates.push(await rateOf({ count: 100_000, inFlight: 128, operation: put }));
      const gets = keys.map((key) => encodeRangeRequest({ ...rangeDefaults, key }));
      const get = async (n: number) =>
        encodeRangeResponse(await replica.kv.range(decodeRangeRequest(gets[n % gets.length]!)));
      linearizable.push(await rateOf({ count: 200_000, inFlight: 128, operation: get }));
      const stale = keys.map((key) => encodeRangeRequest({ ...rangeDefaults, key, serializable: true }));
      const getStale = async (n: number) =>
        encodeRangeResponse(await replica.kv.range(decodeRangeRequest(stale[n % stale.length]!)));
      serializable.push(await rateOf({ count: 200_000, inFlight: 128, operation: getStale }));
    }
    return {
      putsPerSecond: spreadOf(putRates),
      linearizableGetsPerSecond: spreadOf(linearizable),
      serializableGetsPerSecond: spreadOf(serializable),
      rangeBytesPerSecond: await benchRange(replica, runs),
    };
  } finally {
    await rm(dir, { recursive: true });
  }
}

/** Ranges of 10,000 keys of 1 KiB, from request to encoded response. */
async function benchRange(replica: Replica, runs: number): Promise<Spread> {
  const value = new Uint8Array(1024).fill(9);
  for (let i = 0; i < 10_000; i++) {
    const key = fromUtf8(`range/${String(i).padStart(8, '0')}`);
    await replica.kv.put(
      encodePutRequest({ key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false }),
    );
  }
  const request = { ...rangeDefaults, key: fromUtf8('range/'), rangeEnd: fromUtf8('range0') };
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) {
    let bytes = 0;
    const startedAt = performance.now();
    for (let i = 0; i < 20; i++) bytes += encodeRangeResponse(await replica.kv.range(request)).length;
    rates.push(bytes / ((performance.now() - startedAt) / 1000));
  }
  return spreadOf(rates);
}
