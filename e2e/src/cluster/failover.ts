import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '@quorate/client';
import type { MemberKind } from '../member-process.ts';
import { withCluster, type ProcessCluster } from './process-cluster.ts';

/** How failovers are measured. */
export interface FailoverOptions {
  readonly rounds: number;
  /** One for each member. Default three of Quorate. */
  readonly kinds?: readonly MemberKind[];
  readonly flags?: readonly string[];
  readonly onRound?: (round: number, firstWriteMs: number) => void;
}

/** Between two writes that try their luck. */
const probeEveryMs = 10;
const giveUpMs = 30_000;

/**
 * Kills the leader, `kill -9`, and measures how long no write is acknowledged to clients of the other members, again
 * and again; the member comes back before the next round. Writes that were sent before there was a new leader do not count:
 * in etcd, too, a follower hands them to the leader it knows, and they are lost with it.
 *
 * @returns of each round the time from the kill to the first answer, in milliseconds
 */
export async function measureFailover(options: FailoverOptions): Promise<readonly number[]> {
  const { rounds, kinds = ['quorate', 'quorate', 'quorate'], flags = [], onRound } = options;
  return withCluster({ kinds, flags }, async (cluster) => {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const measured = await failOver(cluster);
      times.push(measured);
      onRound?.(round, measured);
    }
    return times;
  });
}

async function failOver(cluster: ProcessCluster): Promise<number> {
  await cluster.untilEqual();
  const leader = await cluster.leader();
  const survivors = cluster.alive.filter((member) => member !== leader);
  await using client = cluster.client(survivors);
  // Connections to all of them stand before anything is measured.
  await Promise.all(survivors.map(({ endpoint }) => client.get('key', { endpoint })));
  await client.put('key', 'before');
  const killedAtMs = performance.now();
  const killed = leader.kill();
  const firstWriteMs = await firstOfMany(
    client,
    survivors.map(({ endpoint }) => endpoint),
    killedAtMs,
  );
  await killed;
  await leader.start();
  return firstWriteMs;
}

/** A new write every few milliseconds, to one survivor after the other, until one of them is answered. */
async function firstOfMany(client: Client, endpoints: readonly string[], sinceMs: number): Promise<number> {
  const over = new AbortController();
  let answeredMs: number | undefined;
  const probe = async (endpoint: string): Promise<void> => {
    try {
      await client.put('key', 'probe', { endpoint, signal: over.signal });
      answeredMs ??= performance.now() - sinceMs;
    } catch {
      // Another one has been sent meanwhile.
    }
  };
  const probes: Promise<void>[] = [];
  for (let at = 0; answeredMs === undefined; at++) {
    if (performance.now() - sinceMs > giveUpMs)
      throw new Error(`no write was acknowledged for ${giveUpMs} ms`);
    probes.push(probe(endpoints[at % endpoints.length]!));
    await pause(probeEveryMs);
  }
  over.abort();
  await Promise.all(probes);
  return answeredMs;
}

/** Smallest, middle, 99th percentile (nearest rank) and largest of some numbers. */
export function quantiles(
  values: readonly number[],
): Readonly<Record<'min' | 'median' | 'p99' | 'max', number>> {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
  return { min: rank(0), median: rank(0.5), p99: rank(0.99), max: rank(1) };
}
