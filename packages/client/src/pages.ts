import type { mvccpb } from '@quorate/wire';
import { EtcdError } from './errors.ts';
import { toKeyRange, type KeySelector } from './keys.ts';
import type { Kv } from './kv.ts';
import type { ReadOptions } from './keyspace.ts';

const pageSizeDefault = 1_000;

/** How keys are read in pages. */
export interface PageOptions extends ReadOptions {
  /** The most keys in a page; default 1000. */
  readonly pageSize?: number;
  /** Leave the values out. */
  readonly keysOnly?: boolean;
}

/** Some keys of a selection; the next page has those that follow. */
export interface Page {
  /** All pages are as of this revision: a watch from the next one on misses nothing. */
  readonly revision: bigint;
  readonly kvs: readonly mvccpb.KeyValue[];
}

/** See `Keyspace.pages`. */
export async function* readPages(
  kv: Kv,
  selector: KeySelector,
  options: PageOptions,
): AsyncGenerator<Page, void, undefined> {
  const { pageSize = pageSizeDefault, keysOnly = false, serializable = false } = options;
  if (pageSize < 1) throw new RangeError('a page has at least one key');
  const range = toKeyRange(selector);
  let { revision = 0n } = options;
  let { key } = range;
  for (;;) {
    const request = { ...range, key, revision, keysOnly, serializable, limit: BigInt(pageSize) };
    const { kvs, more, header } = await kv.range(request, options);
    if (header === undefined) throw new EtcdError('INTERNAL', 'a range came without a header');
    if (revision === 0n) ({ revision } = header);
    yield { revision, kvs };
    const last = kvs.at(-1);
    if (!more || last === undefined) return;
    // The first key after it: one byte longer.
    key = new Uint8Array(last.key.length + 1);
    key.set(last.key);
  }
}
