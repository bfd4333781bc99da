import { concatBytes, fromUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import type { Connections } from '../connections.ts';
import { toBytes, type Bytes } from '../keys.ts';
import type { Keyspace } from '../keyspace.ts';
import type { CallOptions } from '../options.ts';
import type { WaitOptions } from '../session.ts';
import { compare, op } from '../txn.ts';
import { dequeue, prefixBelow, type Source } from './dequeue.ts';
import { uniqueName } from './unique-name.ts';

const oldestFirst = {
  sortTarget: rpcpb.RangeRequest_SortTarget.MOD,
  sortOrder: rpcpb.RangeRequest_SortOrder.ASCEND,
};

/**
 * A queue from many to many: what was put in first is taken out first, by one. Its values are in keys below its name,
 * `<name>/<unique>`, and their order is that of their revisions. Clients in Go (`recipe.Queue`) use the same ones.
 */
export class Queue {
  readonly #source: Source;

  /** @internal `Keyspace.queue` makes them. */
  constructor(keyspace: Keyspace, connections: Connections, name: Uint8Array) {
    this.#source = { keyspace, connections, prefix: prefixBelow(name), order: oldestFirst };
  }

  /**
   * Puts a value at the end.
   *
   * @throws EtcdError; after one that is not `unsent` it may have been put or not, as with every write
   */
  async enqueue(value: Bytes, options: CallOptions = {}): Promise<rpcpb.ResponseHeader> {
    const { keyspace, connections, prefix } = this.#source;
    for (;;) {
      const key = concatBytes([prefix, fromUtf8(uniqueName(connections.random))]);
      const isNew = compare.version(key, '=', 0n);
      const txn = { compare: [isNew], success: [op.put(key, toBytes(value))] };
      const { succeeded, header } = await keyspace.txn(txn, options);
      if (succeeded) return header;
    }
  }

  /**
   * Takes the first value, and waits for one when there is none. Who takes it does not lose it by its signal: one that
   * was taken when the signal aborts is returned.
   *
   * @throws EtcdError, or the signal's reason; after an error of its last step that is not `unsent`, the value may be gone
   */
  dequeue(options: WaitOptions = {}): Promise<Uint8Array> {
    return dequeue(this.#source, options);
  }
}
