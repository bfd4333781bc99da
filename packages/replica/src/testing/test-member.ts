import { fromUtf8, SeededRandom, type Backend } from '@quorate/std';
import { ManualClock, MemoryBackend } from '@quorate/std/testing';
import type { Disk } from '@quorate/wal';
import { MemoryDisk } from '@quorate/wal/testing';
import { decodeRangeRequest, encodePutRequest, type RangeRequest } from '@quorate/wire';
import type { ReplicaOptions } from '../options.ts';
import { Replica } from '../replica.ts';
import { runClockDuring, settle } from './turns.ts';

/** What a test member stands on; whatever is left out is new and empty. */
export interface TestMemberOptions extends Partial<Omit<ReplicaOptions, 'disk' | 'backend' | 'clock'>> {
  readonly disk?: Disk;
  readonly backend?: Backend;
  readonly clock?: ManualClock;
}

/** A member in memory whose time a test moves. */
export interface TestMember {
  readonly replica: Replica;
  readonly clock: ManualClock;
  readonly disk: Disk;
  readonly backend: Backend;
  /** Moves time by that much and lets everything settle that it starts. */
  advance(ms: number): Promise<void>;
  /** Runs `work` to its end while time moves on; it is for what needs no certain time. */
  during<T>(work: Promise<T>): Promise<T>;
}

/** Opens a member and waits until it serves. */
export async function openTestMember(options: TestMemberOptions = {}): Promise<TestMember> {
  const {
    disk = new MemoryDisk(),
    backend = new MemoryBackend(),
    clock = new ManualClock(),
    ...rest
  } = options;
  const opening = Replica.open({
    walDir: '/wal',
    random: new SeededRandom(1),
    name: 'default',
    initialCluster: 'default=http://localhost:2380',
    clusterToken: 'etcd-cluster',
    clientUrls: ['http://localhost:2379'],
    serverVersion: '3.6.14',
    segmentSizeBytes: 64 * 1024,
    ...rest,
    disk,
    backend,
    clock,
  });
  const during = <T>(work: Promise<T>): Promise<T> => runClockDuring(clock, work);
  const replica = await during(opening);
  await during(replica.ready);
  return {
    replica,
    clock,
    disk,
    backend,
    during,
    advance: async (ms) => {
      clock.advance(ms);
      await settle(clock);
    },
  };
}

/** An encoded PutRequest. */
export function putRequest(
  key: string,
  value: string,
  options: { lease?: bigint; prevKv?: boolean } = {},
): Uint8Array {
  return encodePutRequest({
    key: fromUtf8(key),
    value: fromUtf8(value),
    lease: options.lease ?? 0n,
    prevKv: options.prevKv ?? false,
    ignoreValue: false,
    ignoreLease: false,
  });
}

/** A RangeRequest for one key, with whatever else is given. */
export function rangeRequest(key: string, options: Partial<RangeRequest> = {}): RangeRequest {
  return { ...decodeRangeRequest(new Uint8Array(0)), key: fromUtf8(key), ...options };
}
