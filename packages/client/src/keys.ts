import { fromUtf8 } from '@quorate/std';

/** What callers may give as a key or value: bytes, or text that is sent as UTF-8. */
export type Bytes = Uint8Array | string;

/** Which keys are meant: one, those with a prefix, or those from one up to another (without it: all that follow). */
export type KeySelector =
  | { readonly key: Bytes }
  | { readonly prefix: Bytes }
  | { readonly range: { readonly from: Bytes; readonly endExclusive?: Bytes } };

/** A range in etcd's own terms. */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

/** The one byte 0x00 that etcd reads as "from the first key", or as "to the last". */
const zeroByte: Uint8Array = new Uint8Array(1);

/** Bytes of what a caller gave. */
export function toBytes(bytes: Bytes): Uint8Array {
  return typeof bytes === 'string' ? fromUtf8(bytes) : bytes;
}

/** A key as the selector of only itself. */
export function toSelector(keys: Bytes | KeySelector): KeySelector {
  return typeof keys === 'string' || keys instanceof Uint8Array ? { key: keys } : keys;
}

/** The range that a selector means. An empty prefix means every key. */
export function toKeyRange(selector: KeySelector): KeyRange {
  if ('key' in selector) return { key: toBytes(selector.key), rangeEnd: new Uint8Array(0) };
  if ('prefix' in selector) {
    const prefix = toBytes(selector.prefix);
    return prefix.length === 0
      ? { key: zeroByte, rangeEnd: zeroByte }
      : { key: prefix, rangeEnd: prefixEnd(prefix) };
  }
  const { from, endExclusive } = selector.range;
  const key = toBytes(from);
  return {
    key: key.length === 0 ? zeroByte : key,
    rangeEnd: endExclusive === undefined ? zeroByte : toBytes(endExclusive),
  };
}

/** The first byte string behind all that begin with `prefix`; 0x00 ("no end") when the prefix is all 0xFF. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  for (let i = prefix.length - 1; i >= 0; i--) {
    const byte = prefix[i] ?? 0xff;
    if (byte === 0xff) continue;
    const end = new Uint8Array(i + 1);
    end.set(prefix.subarray(0, i));
    end[i] = byte + 1;
    return end;
  }
  return zeroByte;
}
