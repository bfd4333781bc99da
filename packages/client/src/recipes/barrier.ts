import type { rpcpb } from '@quorate/wire';
import type { Connections } from '../connections.ts';
import { EtcdError } from '../errors.ts';
import type { Keyspace } from '../keyspace.ts';
import type { CallOptions } from '../options.ts';
import { persistently } from '../persistently.ts';
import { untilDeleted } from '../queue-place.ts';
import type { WaitOptions } from '../session.ts';
import { limitedSignal } from '../time-limit.ts';
import { compare, op } from '../txn.ts';

/** How a barrier is held. */
export interface HoldOptions extends CallOptions {
  /** The lease that the barrier ends with, such as that of a session; without one it stays until it is released. */
  readonly lease?: bigint;
}

/**
 * A barrier that one holds and others wait at. It is a key by its name: it is closed as long as the key is there.
 * Clients in Go (`recipe.Barrier`) wait at the same ones.
 */
export class Barrier {
  readonly #keyspace: Keyspace;
  readonly #connections: Connections;
  readonly #key: Uint8Array;

  /** @internal `Keyspace.barrier` makes them. */
  constructor(keyspace: Keyspace, connections: Connections, name: Uint8Array) {
    this.#keyspace = keyspace;
    this.#connections = connections;
    this.#key = name;
  }

  /** Closes it. @throws EtcdError ALREADY_EXISTS when it is closed already */
  async hold({ lease = 0n, ...options }: HoldOptions = {}): Promise<rpcpb.ResponseHeader> {
    const { succeeded, header } = await this.#keyspace.txn(
      {
        compare: [compare.version(this.#key, '=', 0n)],
        success: [op.put(this.#key, '', { lease })],
      },
      options,
    );
    if (!succeeded) throw new EtcdError('ALREADY_EXISTS', 'the barrier is held already');
    return header;
  }

  /** Opens it for all who wait; false when it was open. */
  async release(options: CallOptions = {}): Promise<boolean> {
    return (await this.#keyspace.delete(this.#key, options)) > 0n;
  }

  /** Waits until it is open: not at all when it is. @throws EtcdError, or the signal's reason */
  async wait(options: WaitOptions = {}): Promise<void> {
    using limited = limitedSignal(this.#connections.clock, options);
    const waiting = { signal: limited.signal, context: options.context };
    for (;;) {
      const { kvs, header } = await persistently(this.#connections, waiting.signal, () =>
        this.#keyspace.kv.range({ key: this.#key }, waiting),
      );
      if (kvs.length === 0) return;
      const startRevision = (header?.revision ?? 0n) + 1n;
      // One that was closed again at once has been open.
      if (await untilDeleted(this.#keyspace, this.#key, { ...waiting, startRevision })) return;
    }
  }
}
