import { rpcpb, type mvccpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { CompactedError, EtcdError } from './errors.ts';
import { toBytes, type Bytes } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import type { CallOptions } from './options.ts';
import { persistently } from './persistently.ts';
import { firstInQueue, queuePrefix } from './queue-place.ts';
import type { WaitOptions } from './session.ts';
import { limitedSignal } from './time-limit.ts';
import type { WatchEvent } from './watch.ts';

/** An election as seen by those who do not stand in it. Clients in Go, and `v3electionpb.Election`, hold the same ones. */
export class Election {
  readonly #keyspace: Keyspace;
  readonly #connections: Connections;
  readonly #name: Uint8Array;

  /** @internal `Keyspace.election` makes them. */
  constructor(keyspace: Keyspace, connections: Connections, name: Bytes) {
    this.#keyspace = keyspace;
    this.#connections = connections;
    this.#name = toBytes(name);
  }

  /** The leader's key: what it says is the value, its fencing token the `createRevision`. Undefined without a leader. */
  async leader(options: CallOptions = {}): Promise<mvccpb.KeyValue | undefined> {
    return (await this.#look(options)).kvs[0];
  }

  /**
   * The leader, then everything that leaders say, and each new leader. While there is none, it waits; members that fail
   * are left for others. A leader of the past may be left out, if others came after it before it could be seen; nothing is
   * delivered twice, and fencing tokens (`createRevision`) never go back.
   *
   * @throws the signal's reason, EtcdError DEADLINE_EXCEEDED after `timeoutMs`, or one that trying again cannot help
   */
  async *observe(options: WaitOptions = {}): AsyncGenerator<mvccpb.KeyValue, never, undefined> {
    for await (const { kvs } of this.observeResponses(options)) yield* kvs;
    // The responses end by an error only.
    throw new EtcdError('INTERNAL', 'the responses of an election came to an end');
  }

  /**
   * As `observe`, each leader and each word of one alone in a response, as clients in Go have it: the header says as of
   * when. `count` and `more` are zero for a leader who is new, and for what he says those of the first look at the queue.
   */
  async *observeResponses(options: WaitOptions = {}): AsyncGenerator<rpcpb.RangeResponse, never, undefined> {
    const { context } = options;
    using limited = limitedSignal(this.#connections.clock, options);
    const { signal } = limited;
    let last = { createRevision: 0n, modRevision: 0n };
    for (let waited = false; ;) {
      const found = await persistently(this.#connections, signal, () => this.#look({ signal, context }));
      const [leader] = found.kvs;
      const revision = found.header?.revision ?? 0n;
      if (leader !== undefined && isNews(leader, last)) {
        last = leader;
        yield answerOf(found.header, leader, { asOf: waited ? leader.modRevision : revision });
      }
      const { more, count } = waited ? nobody : found;
      waited = leader === undefined;
      const selector = leader === undefined ? { prefix: queuePrefix(this.#name) } : { key: leader.key };
      try {
        const startRevision = revision + 1n;
        const watched = { ...selector, signal, context, startRevision };
        for await (const batch of this.#keyspace.watch(watched).batches()) {
          if (batch.events.length === 0) continue;
          // Somebody came, or the leader is gone: look who is the first now.
          const words = leader === undefined ? [] : untilDelete(batch.events);
          for (const kv of words) {
            last = kv;
            yield { header: batch.header, kvs: [kv], more, count };
          }
          if (words.length < batch.events.length) break;
        }
      } catch (error) {
        if (!(error instanceof CompactedError)) throw error;
      }
    }
  }

  #look(options: CallOptions): Promise<rpcpb.RangeResponse> {
    return this.#keyspace.kv.range(firstInQueue(this.#name), options);
  }
}

const nobody = rpcpb.RangeResponse.create();

/** A leader alone, as of a revision. */
function answerOf(
  header: rpcpb.ResponseHeader | undefined,
  leader: mvccpb.KeyValue,
  { asOf }: { readonly asOf: bigint },
): rpcpb.RangeResponse {
  return { ...nobody, header: header && { ...header, revision: asOf }, kvs: [leader] };
}

/** What a leader said before his key was deleted. */
function untilDelete(events: readonly WatchEvent[]): mvccpb.KeyValue[] {
  const end = events.findIndex(({ type }) => type === 'delete');
  return (end < 0 ? events : events.slice(0, end)).map(({ kv }) => kv);
}

type Seen = Pick<mvccpb.KeyValue, 'createRevision' | 'modRevision'>;

/** The key of a leader may have been put before its predecessor spoke last. */
function isNews(leader: Seen, last: Seen): boolean {
  if (leader.createRevision !== last.createRevision) return leader.createRevision > last.createRevision;
  return leader.modRevision > last.modRevision;
}
