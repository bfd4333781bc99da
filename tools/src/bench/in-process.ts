import { LevelBackend, Replica } from '@quorate/replica';
import { RocksLevel } from '@quorate/rocksdb-level';
import { invariant, systemClock, systemRandom } from '@quorate/std';
import { NodeDisk } from '@quorate/wal';
import { decodeRangeRequest, encodePutRequest, encodeRangeRequest, encodeRangeResponse } from '@quorate/wire';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { endOf, keyOf, valueOf, valueSize } from './dataset.ts';
import { rateOf } from './measure.ts';

const inFlight = 128;
const keyCount = 100_000;
const rangeCount = 10_000;
const rangeValueSize = 1024;
const rangePrefix = 'large/';
const emptyRange = decodeRangeRequest(new Uint8Array(0));

/** A member of Quorate in this process, called without gRPC: bytes of a request in, bytes of an answer out. */
export class InProcessMember implements AsyncDisposable {
  readonly #replica: Replica;
  readonly #puts: Uint8Array[];
  readonly #gets: Uint8Array[];
  readonly #serializableGets: Uint8Array[];
  #next = 0;

  /** Opens a member of its own in a new directory on a real disk. */
  static async open(dir: string): Promise<InProcessMember> {
    await mkdir(dir);
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
    const member = new InProcessMember(replica);
    await member.#putAll(member.#puts);
    return member;
  }

  private constructor(replica: Replica) {
    this.#replica = replica;
    const keys = Array.from({ length: keyCount }, (_, n) => keyOf('key/', n, 20));
    this.#puts = keys.map((key, n) => putRequest(key, valueOf(n, valueSize)));
    this.#gets = keys.map((key) => encodeRangeRequest({ ...emptyRange, key }));
    this.#serializableGets = keys.map((key) =>
      encodeRangeRequest({ ...emptyRange, key, serializable: true }),
    );
  }

  /** Puts a second, of 256 bytes each. */
  putRate(durationMs: number): Promise<number> {
    const { kv } = this.#replica;
    const operation = () => kv.put(this.#puts[this.#next++ % keyCount]!);
    return rateOf({ durationMs, inFlight, operation });
  }

  /** Gets a second, from encoded request to encoded answer. */
  getRate(options: { readonly durationMs: number; readonly serializable: boolean }): Promise<number> {
    const { kv } = this.#replica;
    const requests = options.serializable ? this.#serializableGets : this.#gets;
    const operation = async (): Promise<void> => {
      const request = decodeRangeRequest(requests[this.#next++ % keyCount]!);
      const response = encodeRangeResponse(await kv.range(request));
      invariant(response.length > valueSize, 'a get returns the value');
    };
    return rateOf({ durationMs: options.durationMs, inFlight, operation });
  }

  /** Puts what `rangeRate` reads: 10,000 keys of 1 KiB. */
  async prepareRange(): Promise<void> {
    await this.#putAll(
      Array.from({ length: rangeCount }, (_, n) =>
        putRequest(keyOf(rangePrefix, n, 20), valueOf(n, rangeValueSize)),
      ),
    );
  }

  async #putAll(requests: readonly Uint8Array[]): Promise<void> {
    const rest = requests.values(); // Shared by the workers: each takes the next one.
    const worker = async (): Promise<void> => {
      for (const request of rest) await this.#replica.kv.put(request);
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  }

  /** Bytes a second of ranges over all of those keys, from request to encoded answer. */
  async rangeRate(durationMs: number): Promise<number> {
    const { kv } = this.#replica;
    const key = keyOf(rangePrefix, 0, 20);
    const request = { ...emptyRange, key, rangeEnd: endOf(rangePrefix) };
    let bytes = 0;
    const startedAt = performance.now();
    while (performance.now() - startedAt < durationMs) {
      const response = encodeRangeResponse(await kv.range(request));
      invariant(response.length > rangeCount * rangeValueSize, 'a range returns all keys');
      bytes += response.length;
    }
    return bytes / ((performance.now() - startedAt) / 1000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replica.close();
  }
}

function putRequest(key: Uint8Array, value: Uint8Array): Uint8Array {
  return encodePutRequest({ key, value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false });
}
