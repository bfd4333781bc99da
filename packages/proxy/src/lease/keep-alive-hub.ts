import type { Clock, Random } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { backOff } from '../back-off.ts';
import { sharedMetadata, streamKeyOf, type Credentials } from '../credentials.ts';
import { RequestQueue } from '../request-queue.ts';
import { mayReopen, noLeaderText, proxyStopped } from '../upstream-errors.ts';
import type { Upstream } from '../upstream.ts';
import { Renewals, type Waiter } from './renewals.ts';

/** How often in a row a stream may break before those who wait are told. */
const failuresMax = 3;

export interface KeepAliveHubOptions {
  readonly upstream: Pick<Upstream, 'stream'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** A client's part in the renewing of leases. */
export interface KeepAliveLoan {
  /** Tells `waiter` of a renewal that was asked for after this call. */
  readonly renew: (leaseId: bigint, waiter: Waiter) => void;
  /** The client's stream has ended. */
  readonly release: () => void;
}

/** Streams to members for keep-alives: one for all clients with the same credentials, while there is one. */
export class KeepAliveHub {
  readonly #options: KeepAliveHubOptions;
  readonly #streams = new Map<string, MemberStream>();
  #isClosed = false;

  constructor(options: KeepAliveHubOptions) {
    this.#options = options;
  }

  /** Streams to members, and leases that are being renewed on them. */
  get usage(): { readonly streams: number; readonly leases: number } {
    let leases = 0;
    for (const { renewals } of this.#streams.values()) leases += renewals.size;
    return { streams: this.#streams.size, leases };
  }

  /** `fail` is called when the proxy closes. @throws RpcError when it has */
  acquire(credentials: Credentials, fail: (error: unknown) => void): KeepAliveLoan {
    if (this.#isClosed) throw proxyStopped();
    const key = streamKeyOf(credentials);
    const stream = this.#streams.get(key) ?? new MemberStream(credentials, this.#options);
    this.#streams.set(key, stream);
    const client = { fail };
    stream.clients.add(client);
    return {
      renew: (leaseId, waiter) => stream.renew(leaseId, waiter),
      release: () => {
        stream.clients.delete(client);
        if (stream.clients.size > 0) return;
        stream.close();
        this.#streams.delete(key);
      },
    };
  }

  /** Ends all streams; clients are told that the proxy stops. */
  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) {
      stream.close();
      for (const client of stream.clients) client.fail(proxyStopped());
    }
  }
}

/** A stream to a member, opened when there is something to renew, and again when it breaks. */
class MemberStream {
  readonly clients = new Set<{ fail(error: unknown): void }>();
  readonly renewals: Renewals;
  readonly #credentials: Credentials;
  readonly #options: KeepAliveHubOptions;
  readonly #closed = new AbortController();
  #requests = new RequestQueue();
  #isRunning = false;

  constructor(credentials: Credentials, options: KeepAliveHubOptions) {
    this.#credentials = credentials;
    this.#options = options;
    this.renewals = new Renewals((ID) => {
      this.#requests.push(rpcpb.LeaseKeepAliveRequest.encode({ ID }).finish());
    });
  }

  renew(leaseId: bigint, waiter: Waiter): void {
    if (!this.#isRunning) {
      this.#isRunning = true;
      void this.#run();
    }
    this.renewals.ask(leaseId, waiter);
  }

  close(): void {
    this.#closed.abort(proxyStopped());
    this.#requests.end();
  }

  /** Until the stream is closed, or breaks when nobody waits for anything. */
  async #run(): Promise<void> {
    const { signal } = this.#closed;
    for (let failures = 0; !signal.aborted;) {
      const { error, wasUp } = await this.#once();
      failures = wasUp ? 1 : failures + 1;
      if (this.#concernsAll(error, failures)) this.renewals.failAll(error);
      else if (!mayReopen(error)) this.renewals.failOldest(error);
      if (signal.aborted || this.renewals.size === 0) break;
      await backOff(failures, { ...this.#options, signal });
    }
    this.#isRunning = false;
  }

  /** From the opening of a stream to its end: what was asked for and not answered is asked for again. */
  async #once(): Promise<{ readonly error: unknown; readonly wasUp: boolean }> {
    let wasUp = false;
    this.#requests = new RequestQueue();
    this.renewals.askAgain();
    try {
      const responses = this.#options.upstream.stream('/etcdserverpb.Lease/LeaseKeepAlive', this.#requests, {
        metadata: sharedMetadata(this.#credentials),
        signal: this.#closed.signal,
      });
      for await (const bytes of responses) {
        wasUp = true;
        this.renewals.answered(rpcpb.LeaseKeepAliveResponse.decode(bytes).ID, bytes);
      }
      return { error: proxyStopped(), wasUp };
    } catch (error) {
      return { error, wasUp };
    } finally {
      // What is asked for from here on is sent when there is a stream again.
      this.#requests.end();
    }
  }

  #concernsAll(error: unknown, failures: number): boolean {
    if (this.#closed.signal.aborted || (mayReopen(error) && failures >= failuresMax)) return true;
    return this.#credentials.demandsLeader && error instanceof Error && error.message === noLeaderText;
  }
}
