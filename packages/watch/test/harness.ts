import { SeededRandom, toLatin1 } from '@quorate/std';
import { rpcpb, type ResponseHeader } from '@quorate/wire';
import { WatchHub, type WatchHubOptions, type WatchStream, type WatchStreamOptions } from '../src/index.ts';
import { MemoryEventSource, type TestOp } from '../src/testing/index.ts';

export const clusterId = 0xcdf818194e3a8c32n;
export const memberId = 0x8e9e05c52164694dn;

export function headerOf(revision: number): ResponseHeader {
  return { clusterId, memberId, revision, raftTerm: 2 };
}

/** A hub over a store in memory, written to in step. */
export class World {
  readonly source = new MemoryEventSource();
  readonly hub: WatchHub;

  constructor(options: Partial<WatchHubOptions> = {}) {
    this.hub = new WatchHub({ source: this.source, random: new SeededRandom(1), ...options });
  }

  txn(...ops: TestOp[]): number {
    const changes = this.source.txn(ops);
    if (changes.length > 0) this.hub.append(this.source.currentRevision, changes);
    return this.source.currentRevision;
  }

  put(key: string, value?: string): number {
    return this.txn({ op: 'put', key, ...(value === undefined ? {} : { value }) });
  }

  delete(key: string): number {
    return this.txn({ op: 'delete', key });
  }

  open(options: Partial<WatchStreamOptions> = {}): TestClient {
    return new TestClient(this.hub, options);
  }
}

export interface CreateOptions {
  readonly key?: string;
  readonly end?: string;
  readonly start?: number | bigint;
  readonly id?: bigint;
  readonly prevKv?: boolean;
  readonly fragment?: boolean;
  readonly progress?: boolean;
  readonly filters?: readonly number[];
}

/** A client that reads when it is told to. */
export class TestClient {
  readonly stream: WatchStream;
  readableCalls = 0;

  constructor(hub: WatchHub, options: Partial<WatchStreamOptions>) {
    this.stream = hub.openStream({
      headerOf,
      onReadable: () => this.readableCalls++,
      maxFragmentBytes: 2 * 1024 * 1024,
      progressIntervalMs: 600_000,
      nowMs: 0,
      ...options,
    });
  }

  create(options: CreateOptions): void {
    this.stream.request(createRequest(options));
  }

  cancel(watchId: bigint): void {
    this.stream.request({ requestUnion: { $case: 'cancelRequest', value: { watchId } } });
  }

  progress(): void {
    this.stream.request({ requestUnion: { $case: 'progressRequest', value: {} } });
  }

  /** All that comes until nothing is pending any more. */
  read(maxBytes = 1 << 20): rpcpb.WatchResponse[] {
    const responses: rpcpb.WatchResponse[] = [];
    while (this.stream.hasPending) responses.push(...this.take(maxBytes));
    return responses;
  }

  /** One take. */
  take(maxBytes: number): rpcpb.WatchResponse[] {
    return this.stream.take(maxBytes).map((bytes) => rpcpb.WatchResponse.decode(bytes));
  }

  /** All that comes, in one line each. */
  lines(maxBytes?: number): string[] {
    return this.read(maxBytes).map(lineOf);
  }
}

export function createRequest(options: CreateOptions): rpcpb.WatchRequest {
  const { key = 'k', end = '', start = 0, id = 0n, prevKv = false, fragment = false } = options;
  return {
    requestUnion: {
      $case: 'createRequest',
      value: {
        key: Buffer.from(key, 'latin1'),
        rangeEnd: Buffer.from(end, 'latin1'),
        startRevision: BigInt(start),
        progressNotify: options.progress ?? false,
        // A client may send any number here.
        filters: [...(options.filters ?? [])] as rpcpb.WatchCreateRequest_FilterType[],
        prevKv,
        watchId: id,
        fragment,
      },
    },
  };
}

/** A response in words: `#id @headerRevision`, flags, then events as `+key@revision` or `-key@revision`. */
export function lineOf(response: rpcpb.WatchResponse): string {
  const words = [`#${response.watchId} @${response.header?.revision}`];
  if (response.created) words.push('created');
  if (response.canceled) words.push('canceled');
  if (response.compactRevision !== 0n) words.push(`compacted ${response.compactRevision}`);
  if (response.cancelReason !== '') words.push(`"${response.cancelReason}"`);
  if (response.fragment) words.push('fragment');
  for (const { type, kv, prevKv } of response.events) {
    const prev = prevKv === undefined ? '' : `(${prevKv.modRevision})`;
    words.push(`${type === 0 ? '+' : '-'}${toLatin1(kv!.key)}@${kv!.modRevision}${prev}`);
  }
  return words.join(' ');
}
