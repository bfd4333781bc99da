import { fromUtf8 } from '@quorate/std';
import { encodeRangeRequest, decodeRangeRequest, rpcpb } from '@quorate/wire';
import { frame, frameTypes, grpcHeaders } from '../hostile/raw-http2.ts';

/** Flags of HTTP/2 frames. */
export const endStream = 1;
export const endHeaders = 4;

/** Paths that attacks call. */
export const paths = {
  range: '/etcdserverpb.KV/Range',
  put: '/etcdserverpb.KV/Put',
  watch: '/etcdserverpb.Watch/Watch',
  snapshot: '/etcdserverpb.Maintenance/Snapshot',
  authenticate: '/etcdserverpb.Auth/Authenticate',
} as const;

/** Opens a call without a body yet. */
export function callHead(
  stream: number,
  path: string,
  { flags = endHeaders, ...headers }: { readonly flags?: number } & Readonly<Record<string, unknown>> = {},
): Buffer {
  const more = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  return frame(frameTypes.headers, { flags, stream, payload: grpcHeaders(path, more) });
}

/** A message of gRPC: a flag, its length, itself. */
export function message(bytes: Uint8Array, { compressed = false } = {}): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compressed ? 1 : 0, 0);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Bytes of a stream, in frames of the size that a member takes. */
export function data(stream: number, bytes: Uint8Array, { end = true } = {}): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += 16_384) {
    const payload = Buffer.from(bytes.subarray(at, at + 16_384));
    const isLast = at + 16_384 >= bytes.length;
    frames.push(frame(frameTypes.data, { stream, flags: end && isLast ? endStream : 0, payload }));
  }
  return Buffer.concat(frames);
}

/** A whole call. */
export function call(stream: number, path: string, request: Uint8Array): Buffer {
  return Buffer.concat([callHead(stream, path), data(stream, message(request))]);
}

export function rangeOf(key: string): Uint8Array {
  return encodeRangeRequest({
    ...decodeRangeRequest(new Uint8Array(0)),
    key: fromUtf8(key),
    serializable: true,
  });
}

export function watchOf(key: string): Uint8Array {
  const value = { ...rpcpb.WatchCreateRequest.create(), key: fromUtf8(key), startRevision: 1n };
  return rpcpb.WatchRequest.encode({ requestUnion: { $case: 'createRequest', value } }).finish();
}

export function reset(stream: number): Buffer {
  return frame(frameTypes.rstStream, { stream, payload: Buffer.from([0, 0, 0, 8]) });
}

export function windowUpdate(stream: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment, 0);
  return frame(frameTypes.windowUpdate, { stream, payload });
}

/** The setting that gives every stream this window. */
export function initialWindow(bytes: number): Buffer {
  const setting = Buffer.alloc(6);
  setting.writeUInt16BE(4, 0);
  setting.writeUInt32BE(bytes, 2);
  return setting;
}
