import type { mvccpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import { CompactedError } from './errors.ts';
import { toBytes, type Bytes } from './keys.ts';
import type { Keyspace } from './keyspace.ts';
import type { CallOptions } from './options.ts';
import { persistently } from './persistently.ts';
import { firstInQueue, queuePrefix } from './queue-place.ts';

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
    return (await this.#first(options)).leader;
  }

  /**
   * The leader, then everything that leaders say, and each new leader. While there is none, it waits; members that fail
   * are left for others. A leader of the past may be left out, if others came after it before it could be seen; nothing is
   * delivered twice, and fencing tokens (`createRevision`) never go back.
   *
   * @throws the signal's reason, or an EtcdError that trying again cannot help
   */
  async *observe({ signal }: Pick<CallOptions, 'signal'> = {}): AsyncGenerator<
    mvccpb.KeyValue,
    never,
    undefined
  > {
    let last = { createRevision: 0n, modRevision: 0n };
    for (;;) {
      const { leader, revision } = await persistently(this.#connections, signal, () =>
        this.#first({ signal }),
      );
      if (leader !== undefined && isNews(leader, last)) {
        last = leader;
        yield leader;
      }
      const selector = leader === undefined ? { prefix: queuePrefix(this.#name) } : { key: leader.key };
      try {
        for await (const { type, kv } of this.#keyspace.watch({
          ...selector,
          signal,
          startRevision: revision + 1n,
        })) {
          // Somebody came, or the leader is gone: look who is the first now.
          if (leader === undefined || type === 'delete') break;
          last = kv;
          yield kv;
        }
      } catch (error) {
        if (!(error instanceof CompactedError)) throw error;
      }
    }
  }

  async #first(options: CallOptions) {
    const { kvs, header } = await this.#keyspace.kv.range(firstInQueue(this.#name), options);
    return { leader: kvs[0], revision: header?.revision ?? 0n };
  }
}

type Seen = Pick<mvccpb.KeyValue, 'createRevision' | 'modRevision'>;

/** The key of a leader may have been put before its predecessor spoke last. */
function isNews(leader: Seen, last: Seen): boolean {
  if (leader.createRevision !== last.createRevision) return leader.createRevision > last.createRevision;
  return leader.modRevision > last.modRevision;
}
