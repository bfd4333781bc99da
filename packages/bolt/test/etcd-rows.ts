/** What the rows of etcd's buckets mean, as far as these tests need it. */
import { crc32c, fromUtf8, uint64FromBytes } from '@quorate/std';
import type { BoltFile, BoltRow } from '../src/index.ts';

/** The hash of `etcdutl snapshot status`: names of buckets, keys and values, all in order. */
export async function statusHash(file: BoltFile): Promise<number> {
  let crc = 0;
  for (const bucket of await file.bucketNames()) {
    crc = crc32c(fromUtf8(bucket), crc);
    for await (const rows of file.rows(bucket))
      for (const [key, value] of rows) crc = crc32c(value, crc32c(key, crc));
  }
  return crc;
}

export interface LiveKey {
  readonly key: string;
  readonly value: string;
  readonly mod_revision: number;
}

/** The keys that live after all revisions in bucket `key`, in order, in the form of the JSON gateway. */
export function liveKeys(rows: readonly BoltRow[]): LiveKey[] {
  const live = new Map<string, LiveKey>();
  for (const [revision, bytes] of rows) {
    const { key, value } = decodeKeyValue(bytes);
    const latin1 = Buffer.from(key).toString('latin1');
    if (revision.length === 18) live.delete(latin1);
    else live.set(latin1, { key: base64(key), value: base64(value), mod_revision: mainOf(revision) });
  }
  return [...live].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** Main revision in a key of bucket `key`. */
export function mainOf(revision: Uint8Array): number {
  return Number(uint64FromBytes(revision));
}

/** Fields 1 and 5 of mvccpb.KeyValue. */
function decodeKeyValue(bytes: Uint8Array): { key: Uint8Array; value: Uint8Array } {
  const fields = new Map<number, Uint8Array>();
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = varint();
    if ((tag & 7) === 0) continue;
    fields.set(tag >> 3, bytes.subarray(at, at + number));
    at += number;
  }
  return { key: fields.get(1) ?? new Uint8Array(0), value: fields.get(5) ?? new Uint8Array(0) };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
