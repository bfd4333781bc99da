import { nobody, type Access, type Caller } from '@quorate/auth';
import { emptyBytes, fromUtf8, Later } from '@quorate/std';
import {
  encodeKeyValue,
  MessageBatchWriter,
  rpcpb,
  type RangeRequest,
  type ResponseHeader,
} from '@quorate/wire';
import type { Member, MemberWatch } from '../src/member.ts';

/** An error as a member throws it: only the code counts. */
export class CodedError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`an error with the code ${code}`);
    this.code = code;
  }
}

/** A member with one key, whose next answer a test can turn into an error. */
export class FakeMember implements Member {
  readonly id = 7n;
  isLearner = false;
  hasLeader = true;
  alarmTypes: string[] = [];
  /** Thrown by the next operation. */
  failure: unknown;
  readonly ranges: RangeRequest[] = [];
  readonly puts: Uint8Array[] = [];
  watchResponses: Uint8Array[] = [];
  watchClosed = 0;
  onWatchClosed: () => void = () => {};
  wake: () => void = () => {};
  /** What a snapshot is made of, and how far it was read. */
  snapshotChunks: readonly Uint8Array[] = [];
  /** Overrides the true size of the chunks. */
  snapshotSizeBytes: number | undefined;
  snapshotChunksRead = 0;
  snapshotsEnded = 0;
  onSnapshotEnded: () => void = () => {};
  /** Listeners for the loss of the leader. */
  readonly leaderLostListeners = new Set<() => void>();
  /** The signal of a transfer of leadership under way. */
  transferSignal: AbortSignal | undefined;
  onTransferBegun: () => void = () => {};

  readonly kv: Member['kv'] = {
    range: (request) => {
      this.ranges.push(request);
      return this.#answer({ header: this.header(), kvs: [greeting], more: false, count: 1 });
    },
    rangeStream: (request) => this.#rangeStream(request),
    put: (request) => {
      this.puts.push(Uint8Array.from(request));
      return this.#answer({ header: this.header(), prevKv: undefined });
    },
    deleteRange: () => Later.of({ header: this.header(), deleted: 1, prevKvs: [] }),
    txn: () => Later.of({ header: this.header(), succeeded: true, responses: [] }),
    compact: async () => this.header(),
  };

  readonly leases: Member['leases'] = {
    grant: async ({ ID, TTL }) => ({ header: generated, ID, TTL, error: '' }),
    revoke: async () => ({ header: generated }),
    keepAliveNow: () => undefined,
    keepAlive: async (id) => (id === 1n ? 30 : 0),
    timeToLive: async ({ ID }) => ({ header: generated, ID, TTL: 1n, grantedTTL: 2n, keys: [] }),
    leases: async () => ({ header: generated, leases: [{ ID: 1n }] }),
  };

  readonly maintenance: Member['maintenance'] = {
    alarm: async () => ({ header: generated, alarms: [] }),
    status: () => rpcpb.StatusResponse.fromPartial({ version: '3.6.14' }),
    hash: async () => ({ header: generated, hash: 1 }),
    hashKv: async () => rpcpb.HashKVResponse.fromPartial({ hash: 2 }),
    defragment: async () => {},
    moveLeader: ({ targetID }, { signal }) => this.#moveLeader(targetID, signal),
    downgrade: async ({ version }) => {
      this.#maybeFail();
      return { header: generated, version };
    },
    snapshot: async () => {
      this.#maybeFail();
      const sizeBytes = this.snapshotChunks.reduce((size, chunk) => size + chunk.length, 0);
      return {
        sizeBytes: this.snapshotSizeBytes ?? sizeBytes,
        version: '3.6.0',
        chunks: this.#readSnapshot(),
      };
    },
  };

  /** What the next calls are told of who they are, and what was asked. */
  caller: Caller | Error = nobody;
  readonly identified: { token: string | undefined; commonName: string | undefined }[] = [];
  readonly permitted: { caller: Caller; access: Access; asOf: 'now' | 'local' }[] = [];

  readonly auth: Member['auth'] = {
    identify: (credentials) => {
      this.identified.push(credentials);
      if (this.caller instanceof Error) throw this.caller;
      return this.caller;
    },
    permit: (caller, access, { asOf }) => {
      this.permitted.push({ caller, access, asOf });
      this.#maybeFail();
      return asOf === 'now' ? Promise.resolve() : undefined;
    },
    authenticate: async ({ name }) => ({ header: generated, token: `token of ${name}` }),
    status: async () => ({ header: generated, enabled: true, authRevision: 3n }),
    enable: async () => headed,
    disable: async () => headed,
    userAdd: async () => headed,
    userDelete: async () => headed,
    userChangePassword: async () => headed,
    userGrantRole: async () => headed,
    userRevokeRole: async () => headed,
    userGet: async () => ({ header: generated, roles: ['r'] }),
    userList: async () => ({ header: generated, users: ['u'] }),
    roleAdd: async () => headed,
    roleDelete: async () => headed,
    roleGrantPermission: async () => headed,
    roleRevokePermission: async () => headed,
    roleGet: async () => ({ header: generated, perm: [] }),
    roleList: async () => ({ header: generated, roles: ['r'] }),
  };

  readonly cluster: Member['cluster'] = {
    add: async ({ peerURLs, isLearner }) => {
      this.#maybeFail();
      const member = rpcpb.Member.fromPartial({ ID: 8n, peerURLs, isLearner });
      return { header: generated, member, members: [me, member] };
    },
    remove: async ({ ID }) => this.#membersWithout(ID),
    update: async ({ ID, peerURLs }) => {
      this.#maybeFail();
      return { header: generated, members: [me, rpcpb.Member.fromPartial({ ID, peerURLs })] };
    },
    promote: async ({ ID }) => {
      this.#maybeFail();
      return { header: generated, members: [me, rpcpb.Member.fromPartial({ ID, name: 'promoted' })] };
    },
    list: async ({ linearizable }) => {
      this.#maybeFail();
      return { header: generated, members: linearizable ? [me] : [] };
    },
  };

  header(revision = 5): ResponseHeader {
    return { clusterId: 3n, memberId: this.id, revision, raftTerm: 2 };
  }

  watch({ onReadable }: Parameters<Member['watch']>[0]): MemberWatch {
    this.wake = onReadable;
    return {
      accepting: true,
      hasPending: false,
      request: (request) => {
        if (request.requestUnion?.$case !== 'createRequest') return;
        this.watchResponses.push(
          rpcpb.WatchResponse.encode(rpcpb.WatchResponse.fromPartial({ created: true })).finish(),
        );
        onReadable();
      },
      takeBatch: () => {
        const writer = new MessageBatchWriter();
        for (const response of this.watchResponses.splice(0)) writer.push(response);
        return writer.take();
      },
      close: () => {
        this.watchClosed++;
        this.onWatchClosed();
      },
    };
  }

  onLeaderLost(listener: () => void): () => void {
    this.leaderLostListeners.add(listener);
    return () => this.leaderLostListeners.delete(listener);
  }

  /** As a member that has known no leader for long enough. */
  loseLeader(): void {
    this.hasLeader = false;
    for (const listener of this.leaderLostListeners) listener();
  }

  async *#rangeStream(_request: RangeRequest) {
    yield { header: undefined, kvs: [greeting], more: false, count: 0 };
    this.#maybeFail();
    yield { header: this.header(), kvs: [greeting], more: false, count: 2 };
  }

  async *#readSnapshot() {
    try {
      for (const chunk of this.snapshotChunks) {
        this.snapshotChunksRead++;
        yield chunk;
        this.#maybeFail();
      }
    } finally {
      this.snapshotsEnded++;
      this.onSnapshotEnded();
    }
  }

  async #membersWithout(id: bigint): Promise<rpcpb.MemberRemoveResponse> {
    this.#maybeFail();
    return { header: generated, members: [me].filter(({ ID }) => ID !== id) };
  }

  async #moveLeader(targetId: bigint, signal: AbortSignal): Promise<rpcpb.MoveLeaderResponse> {
    this.#maybeFail();
    if (targetId === this.id) return { header: generated };
    this.transferSignal = signal;
    this.onTransferBegun();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    throw new CodedError('REPLICA_TRANSFER_TIMEOUT');
  }

  #answer<T>(answer: T): Later<T> {
    return Later.of(undefined).map(() => {
      this.#maybeFail();
      return answer;
    });
  }

  #maybeFail(): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure !== undefined) throw failure as Error;
  }
}

const generated = rpcpb.ResponseHeader.fromPartial({ memberId: 7n });
const headed = { header: generated };
const me = rpcpb.Member.fromPartial({ ID: 7n, name: 'n1' });

/** The one key of a fake member. */
export const greeting = encodeKeyValue({
  key: fromUtf8('greeting'),
  value: fromUtf8('hello'),
  createRevision: 2,
  modRevision: 2,
  version: 1,
  lease: 0n,
});

export const noBytes = emptyBytes;
