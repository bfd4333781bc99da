import { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { EtcdError, LeaseLostError } from './errors.ts';
import { noPrefix, type KeyPrefix } from './key-prefix.ts';
import { encodeMessage, methodPath, unaryMethod, type UnaryMethod } from './method.ts';
import type { CallOptions } from './options.ts';
import { isPassing } from './persistently.ts';
import { sleep } from './sleep.ts';
import type { DuplexStream } from './streams.ts';
import { renewalsMax } from './tokens.ts';

/** Pause after a renewal that failed. */
const retryPauseMs = 500;
/** Longest wait for the answer to one renewal, before another member is asked. */
const renewTimeoutMs = 5_000;
const { methods } = rpcpb.LeaseDefinition;

/** What a lease is granted with. */
export interface GrantOptions {
  readonly ttlSeconds: number | bigint;
  /** The ID to have; left out, or 0, the server chooses. */
  readonly id?: bigint;
}

/** A lease that is to be renewed, and what is known of it. */
export interface HeldLease {
  readonly id: bigint;
  readonly ttlMs: number;
  /** By the clock that does not jump; Infinity when unknown. */
  readonly expiresAtMs: number;
  /** How long to wait before the first renewal. */
  readonly firstAfterMs?: number;
}

/** A renewal that succeeded. The lease lives for `ttlMs` from when it was sent, or longer. */
export interface Renewal {
  readonly response: rpcpb.LeaseKeepAliveResponse;
  readonly ttlMs: number;
  readonly sentAtMs: number;
  readonly sentAtWallMs: number;
}

/** Leases: keys that vanish when nobody renews. */
export class Leases {
  readonly #connections: Connections;
  readonly #prefix: KeyPrefix;
  readonly #grant: UnaryMethod<rpcpb.LeaseGrantRequest, rpcpb.LeaseGrantResponse>;
  readonly #revoke: UnaryMethod<rpcpb.LeaseRevokeRequest, rpcpb.LeaseRevokeResponse>;
  readonly #timeToLive: UnaryMethod<rpcpb.LeaseTimeToLiveRequest, rpcpb.LeaseTimeToLiveResponse>;
  readonly #leases: UnaryMethod<rpcpb.LeaseLeasesRequest, rpcpb.LeaseLeasesResponse>;

  constructor(connections: Connections, prefix: KeyPrefix = noPrefix) {
    const service = rpcpb.LeaseDefinition;
    this.#connections = connections;
    this.#prefix = prefix;
    this.#grant = unaryMethod(connections, service, methods.leaseGrant, { repeatable: false });
    this.#revoke = unaryMethod(connections, service, methods.leaseRevoke, { repeatable: false });
    this.#timeToLive = unaryMethod(connections, service, methods.leaseTimeToLive, { repeatable: true });
    this.#leases = unaryMethod(connections, service, methods.leaseLeases, { repeatable: true });
  }

  /** A new lease. The server may raise a time to live that is too short for it; the response has the real one. */
  grant({ ttlSeconds, id = 0n }: GrantOptions, options?: CallOptions): Promise<rpcpb.LeaseGrantResponse> {
    return this.#grant({ TTL: BigInt(ttlSeconds), ID: id }, options);
  }

  /** Ends a lease; its keys are deleted in one revision. @throws EtcdError NOT_FOUND */
  revoke(id: bigint, options?: CallOptions): Promise<rpcpb.LeaseRevokeResponse> {
    return this.#revoke({ ID: id }, options);
  }

  /**
   * How long a lease has left, and with `keys` what is attached to it, of a namespace only its own. A lease that is
   * gone has a TTL of -1.
   */
  async timeToLive(
    id: bigint,
    { keys = false, ...options }: CallOptions & { readonly keys?: boolean } = {},
  ): Promise<rpcpb.LeaseTimeToLiveResponse> {
    const response = await this.#timeToLive({ ID: id, keys }, options);
    if (this.#prefix.isEmpty) return response;
    const own = response.keys.filter((key) => this.#prefix.isOf(key));
    return { ...response, keys: own.map((key) => this.#prefix.stripKey(key)) };
  }

  /** The leases there are. */
  leases(options?: CallOptions): Promise<rpcpb.LeaseLeasesResponse> {
    return this.#leases({}, options);
  }

  /** Renews a lease once, within the time of a unary call. @throws LeaseLostError when it is gone, or an EtcdError */
  async keepAliveOnce(id: bigint, options: CallOptions = {}): Promise<rpcpb.LeaseKeepAliveResponse> {
    const path = methodPath(rpcpb.LeaseDefinition, methods.leaseKeepAlive);
    const { clock, requestTimeoutMs } = this.#connections;
    const deadline = clock.now() + (options.timeoutMs ?? requestTimeoutMs);
    for (let renewals = 0; ; renewals++) {
      const timeoutMs = deadline - clock.now();
      using stream = await this.#connections.duplexStream(path, { ...options, timeoutMs });
      stream.send(encodeMessage(rpcpb.LeaseKeepAliveRequest, { ID: id }));
      stream.end();
      try {
        return await firstAnswer(id, stream);
      } catch (error) {
        if (!(error instanceof EtcdError) || renewals === renewalsMax) throw error;
        if (!this.#connections.renewToken(stream.login, error)) throw error;
      }
    }
  }

  /**
   * Renews a lease at once and then whenever a third of its time to live has passed, and yields each answer.
   * Members that fail are left for others. It never ends by itself: when the lease is gone, or nobody renewed
   * it before its time was over (counted from when the last good renewal was *sent*, so never too late), it
   * throws.
   *
   * Each renewal is a short stream of its own; over one HTTP/2 connection that costs little, and no stream can
   * be stuck at a member that went silent.
   *
   * @throws LeaseLostError, the signal's reason, or an EtcdError that trying again cannot help
   */
  async *keepAlive(
    id: bigint,
    options: CallOptions = {},
  ): AsyncGenerator<rpcpb.LeaseKeepAliveResponse, never, undefined> {
    // Until the first answer we do not know the time to live, and keep asking.
    const held = { id, ttlMs: Infinity, expiresAtMs: Infinity };
    const renewals = this.renewals(held, options);
    for (;;) yield (await renewals.next()).value.response;
  }

  /** As `keepAlive`, of a lease that something is known of, and with the moment until which each renewal holds. */
  async *renewals(held: HeldLease, options: CallOptions = {}): AsyncGenerator<Renewal, never, undefined> {
    const { clock } = this.#connections;
    let { ttlMs, expiresAtMs } = held;
    let wait = held.firstAfterMs ?? 0;
    for (;;) {
      if (wait > 0) await sleep(clock, wait, options.signal);
      const sentAtMs = clock.now();
      const sentAtWallMs = clock.wallMs();
      const outcome = await this.#renew(held.id, options, Math.min(expiresAtMs - sentAtMs, ttlMs / 3));
      if (outcome instanceof EtcdError) {
        const leftMs = Math.max(0, expiresAtMs - clock.now());
        await sleep(clock, Math.min(retryPauseMs, leftMs), options.signal);
        if (clock.now() >= expiresAtMs) throw new LeaseLostError(held.id, { cause: outcome });
        wait = 0;
        continue;
      }
      ttlMs = Number(outcome.TTL) * 1000;
      expiresAtMs = sentAtMs + ttlMs;
      yield { response: outcome, ttlMs, sentAtMs, sentAtWallMs };
      wait = sentAtMs + ttlMs / 3 - clock.now();
    }
  }

  /** A renewal, or the error after which another one may succeed. */
  async #renew(
    id: bigint,
    options: CallOptions,
    timeLimitMs: number,
  ): Promise<rpcpb.LeaseKeepAliveResponse | EtcdError> {
    const timeoutMs = Math.max(1, Math.min(options.timeoutMs ?? renewTimeoutMs, timeLimitMs));
    const asked = this.#connections.preferred;
    try {
      return await this.keepAliveOnce(id, { requireLeader: true, ...options, timeoutMs });
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      if (!isPassing(error)) throw error;
      this.#connections.moveOnFrom(asked);
      return error;
    }
  }
}

async function firstAnswer(id: bigint, stream: DuplexStream): Promise<rpcpb.LeaseKeepAliveResponse> {
  for await (const message of stream) {
    const response = rpcpb.LeaseKeepAliveResponse.decode(message);
    if (response.TTL <= 0n) throw new LeaseLostError(id);
    return response;
  }
  throw new EtcdError('UNAVAILABLE', 'the stream ended before the lease was renewed');
}
