import type { Client, TlsOptions } from '@quorate/client';
import type { rpcpb } from '@quorate/wire';
import { fetchCounters, type Counters } from './metrics.ts';

/** How a cluster is at some moment. */
export interface ClusterSample {
  /** When it was asked, in milliseconds of a clock that does not jump. */
  readonly atMs: number;
  readonly members: readonly MemberSample[];
}

/** How a member is. */
export interface MemberSample {
  /** 0 for an endpoint that nothing is known of. */
  readonly id: bigint;
  readonly name: string;
  readonly isLearner: boolean;
  /** Where it was asked, or would be. */
  readonly endpoint: string;
  /** Undefined when it does not answer. */
  readonly status: rpcpb.StatusResponse | undefined;
  /** Why it does not answer. */
  readonly trouble: string;
  /** The median of the last answers' times, in milliseconds. */
  readonly latencyMs: number | undefined;
  /** Undefined when its metrics are not to be had. */
  readonly counters: Counters | undefined;
}

/** A member as it is known: from the cluster, or from the command line only. */
interface KnownMember {
  readonly id: bigint;
  readonly name: string;
  readonly isLearner: boolean;
  readonly endpoints: readonly string[];
}

/** An answer of a member. */
interface Answer {
  readonly endpoint: string;
  readonly status: rpcpb.StatusResponse;
}

/** The median of as many answers is shown. */
const latenciesKept = 31;

/** Asks all members of a cluster how they are, again and again. Members that are dead, gone or new are no trouble. */
export class Sampler {
  readonly #client: Client;
  readonly #endpoints: readonly string[];
  readonly #tls: TlsOptions | undefined;
  readonly #timeoutMs: number;
  /** The members last heard of: while the cluster cannot tell, they are taken to be the same. */
  #known: readonly KnownMember[] = [];
  /** Where each member answered last. */
  readonly #addresses = new Map<bigint, string>();
  readonly #latenciesMs = new Map<string, number[]>();

  /** `endpoints` are those of the command line; `timeoutMs` is for each answer. */
  constructor(options: {
    readonly client: Client;
    readonly endpoints: readonly string[];
    readonly tls: TlsOptions | undefined;
    readonly timeoutMs: number;
  }) {
    this.#client = options.client;
    this.#endpoints = options.endpoints;
    this.#tls = options.tls;
    this.#timeoutMs = options.timeoutMs;
  }

  /** Asks all at once. Never fails but for its signal: what does not answer is part of the picture. */
  async sample(signal: AbortSignal): Promise<ClusterSample> {
    const atMs = performance.now();
    const known = await this.#knownMembers(signal);
    const members = await Promise.all(known.map((member) => this.#sampleMember(member, signal)));
    signal.throwIfAborted();
    return { atMs, members };
  }

  async #knownMembers(signal: AbortSignal): Promise<readonly KnownMember[]> {
    const options = { timeoutMs: this.#timeoutMs, signal };
    try {
      const { members } = await this.#client.cluster.memberList({ linearizable: false }, options);
      this.#known = members.map(({ ID, name, isLearner, clientURLs }) => ({
        id: ID,
        name,
        isLearner,
        endpoints: clientURLs,
      }));
    } catch {
      // Better an older list, or what the command line says, than none.
    }
    if (this.#known.length > 0) return this.#known;
    return this.#endpoints.map((endpoint) => ({ id: 0n, name: '', isLearner: false, endpoints: [endpoint] }));
  }

  async #sampleMember(member: KnownMember, signal: AbortSignal): Promise<MemberSample> {
    const { id, name, isLearner } = member;
    const [first = ''] = member.endpoints;
    const common = { id, name, isLearner };
    try {
      const { endpoint, status } = await this.#statusOf(member, signal);
      const latencyMs = median(this.#latenciesMs.get(endpoint) ?? []);
      const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#timeoutMs)]);
      const counters = await fetchCounters({ endpoint, tls: this.#tls, signal: limit });
      return { ...common, endpoint, status, trouble: '', latencyMs, counters };
    } catch (error) {
      const trouble = troubleOf(error, member);
      return {
        ...common,
        endpoint: first,
        status: undefined,
        trouble,
        latencyMs: undefined,
        counters: undefined,
      };
    }
  }

  /** Asks a member at the address where it answered last, and else at all that it may have. */
  async #statusOf({ id, endpoints }: KnownMember, signal: AbortSignal): Promise<Answer> {
    const last = this.#addresses.get(id);
    if (last !== undefined && id !== 0n) {
      const answer = await this.#ask(last, id, signal).catch(() => undefined);
      if (answer !== undefined) return answer;
      this.#addresses.delete(id);
    }
    // Members may tell addresses that are not to be reached from here; then those of the command line may be.
    const asked = [...new Set([...endpoints, ...this.#endpoints])];
    const answers = await Promise.allSettled(asked.map((endpoint) => this.#ask(endpoint, id, signal)));
    const answer = answers.find((outcome) => outcome.status === 'fulfilled')?.value;
    if (answer !== undefined) {
      this.#addresses.set(id, answer.endpoint);
      return answer;
    }
    throw answers.find((outcome) => outcome.status === 'rejected')?.reason;
  }

  /** @throws when nobody answers there, or another member than the one that is meant */
  async #ask(endpoint: string, id: bigint, signal: AbortSignal): Promise<Answer> {
    const startedAt = performance.now();
    const status = await this.#client.maintenance.status(
      {},
      { endpoint, timeoutMs: this.#timeoutMs, signal },
    );
    if (id !== 0n && status.header?.memberId !== id) throw new Error('another member answers there');
    const latencies = this.#latenciesMs.get(endpoint) ?? [];
    this.#latenciesMs.set(endpoint, [...latencies, performance.now() - startedAt].slice(-latenciesKept));
    return { endpoint, status };
  }
}

/** The median; undefined of nothing. */
export function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** Why a member does not answer, in a few words. */
function troubleOf(error: unknown, { name, endpoints }: KnownMember): string {
  if (name === '' && endpoints.length === 0) return 'not started yet';
  let last = error;
  while (last instanceof Error && last.cause instanceof Error) last = last.cause;
  const text = last instanceof Error ? last.message : String(last);
  if (/ECONNREFUSED/.test(text)) return 'refused';
  return text.replace(/^no connection to \S+: /, '').replace(/\s+/g, ' ');
}
