import { concatBytes, fromUtf8 } from '@quorate/std';
import type { mvccpb, rpcpb } from '@quorate/wire';
import type { Connections } from '../connections.ts';
import { toKeyRange } from '../keys.ts';
import type { Keyspace } from '../keyspace.ts';
import { persistently } from '../persistently.ts';
import { untilEvent } from '../queue-place.ts';
import type { WaitOptions } from '../session.ts';
import { limitedSignal } from '../time-limit.ts';
import { compare, op } from '../txn.ts';

/** Keys that are looked at together: who loses the first of them to another may get the next. */
const lookAhead = 8n;

/** Where values are taken from. */
export interface Source {
  readonly keyspace: Keyspace;
  readonly connections: Connections;
  /** What the keys of the queue begin with. */
  readonly prefix: Uint8Array;
  /** Which of them comes first. */
  readonly order: Pick<rpcpb.RangeRequest, 'sortTarget' | 'sortOrder'>;
}

/** What keys below this one begin with: those of a queue are below its name. */
export function prefixBelow(name: Uint8Array): Uint8Array {
  return concatBytes([name, fromUtf8('/')]);
}

/** Takes the first value out of a queue, and waits for one when there is none. */
export async function dequeue(source: Source, options: WaitOptions): Promise<Uint8Array> {
  const { keyspace, connections, prefix } = source;
  using limited = limitedSignal(connections.clock, options);
  const waiting = { signal: limited.signal, context: options.context };
  for (;;) {
    const { kvs, header } = await persistently(connections, waiting.signal, () =>
      keyspace.kv.range({ ...toKeyRange({ prefix }), ...source.order, limit: lookAhead }, waiting),
    );
    const claimed = await claimFirst(keyspace, kvs, waiting);
    if (claimed !== undefined) return claimed.value;
    // When others have taken all of these, there may be more.
    if (kvs.length > 0) continue;
    const startRevision = (header?.revision ?? 0n) + 1n;
    await untilEvent(keyspace, { prefix }, 'put', { ...waiting, startRevision });
  }
}

/**
 * Deletes the first of these keys that nobody else has deleted or written meanwhile, and returns it. Once begun, taking
 * one is not given up before its end is known: a value would be lost whose deletion was done for somebody who has left.
 */
async function claimFirst(
  keyspace: Keyspace,
  kvs: readonly mvccpb.KeyValue[],
  { signal, context }: { readonly signal: AbortSignal; readonly context: unknown },
): Promise<mvccpb.KeyValue | undefined> {
  for (const kv of kvs) {
    signal.throwIfAborted();
    const isUntouched = compare.modRevision(kv.key, '=', kv.modRevision);
    const claim = { compare: [isUntouched], success: [op.delete({ key: kv.key })] };
    const { succeeded } = await keyspace.txn(claim, { context });
    if (succeeded) return kv;
  }
  return undefined;
}
