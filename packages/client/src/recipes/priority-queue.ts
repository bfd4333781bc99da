import { concatBytes, fromUtf8, toUtf8 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import type { Connections } from '../connections.ts';
import { EtcdError } from '../errors.ts';
import { toBytes, toKeyRange, type Bytes } from '../keys.ts';
import type { Keyspace } from '../keyspace.ts';
import type { CallOptions } from '../options.ts';
import type { WaitOptions } from '../session.ts';
import { compare, op } from '../txn.ts';
import { dequeue, prefixBelow, type Source } from './dequeue.ts';

/** Priorities have five digits in keys, and 16 bits with clients in Go. */
const priorityMax = 65_535;

const byKey = {
  sortTarget: rpcpb.RangeRequest_SortTarget.KEY,
  sortOrder: rpcpb.RangeRequest_SortOrder.ASCEND,
};

/** How a value is put into a queue. */
export interface EnqueueOptions extends CallOptions {
  /** From 0 to 65535; the smallest one is taken out first. */
  readonly priority: number;
}

/**
 * A queue from many to many: the value with the smallest priority is taken out first, and of those with the same the one
 * that was put in first. Clients in Go (`recipe.PriorityQueue`) use the same ones. Its keys are
 *
 *     <name>/<priority, 5 digits>/<number, 16 digits>    a value
 *     __<name>/<priority, 5 digits>                      written with each of them, so that no number is given twice
 */
export class PriorityQueue {
  readonly #source: Source;

  /** @internal `Keyspace.priorityQueue` makes them. */
  constructor(keyspace: Keyspace, connections: Connections, name: Uint8Array) {
    this.#source = { keyspace, connections, prefix: prefixBelow(name), order: byKey };
  }

  /**
   * Puts a value behind all others of its priority.
   *
   * @throws RangeError for what is no priority; EtcdError, after which, when it is not `unsent`, it may have been put or
   *   not, as with every write
   */
  async enqueue(value: Bytes, { priority, ...options }: EnqueueOptions): Promise<rpcpb.ResponseHeader> {
    if (!Number.isInteger(priority) || priority < 0 || priority > priorityMax)
      throw new RangeError(`a priority is a whole number from 0 to ${priorityMax}, and not ${priority}`);
    const { keyspace, prefix } = this.#source;
    const ofPriority = concatBytes([prefix, fromUtf8(`${priority}`.padStart(5, '0'))]);
    const base = concatBytes([fromUtf8('__'), ofPriority]);
    for (;;) {
      const { number, revision } = await this.#nextNumber(ofPriority, options);
      const key = concatBytes([ofPriority, fromUtf8(`/${`${number}`.padStart(16, '0')}`)]);
      const txn = {
        // Nobody has put one meanwhile.
        compare: [compare.modRevision(base, '<', revision + 1n), compare.version(key, '=', 0n)],
        success: [op.put(base, ''), op.put(key, toBytes(value))],
      };
      const { succeeded, header } = await keyspace.txn(txn, options);
      if (succeeded) return header;
    }
  }

  /** Takes the first value, as `Queue.dequeue` does. */
  dequeue(options: WaitOptions = {}): Promise<Uint8Array> {
    return dequeue(this.#source, options);
  }

  /** The number behind the last one there is, and as of which revision. */
  async #nextNumber(
    ofPriority: Uint8Array,
    options: CallOptions,
  ): Promise<{ readonly number: bigint; readonly revision: bigint }> {
    const prefix = prefixBelow(ofPriority);
    const descending = { ...byKey, sortOrder: rpcpb.RangeRequest_SortOrder.DESCEND };
    const last = { ...toKeyRange({ prefix }), ...descending, limit: 1n, keysOnly: true };
    const { kvs, header } = await this.#source.keyspace.kv.range(last, options);
    const revision = header?.revision ?? 0n;
    if (kvs[0] === undefined) return { number: 0n, revision };
    const digits = toUtf8(kvs[0].key.subarray(prefix.length));
    if (/^\d{1,16}$/.test(digits)) return { number: BigInt(digits) + 1n, revision };
    throw new EtcdError('FAILED_PRECONDITION', 'the queue has a key that is none of a priority queue');
  }
}
