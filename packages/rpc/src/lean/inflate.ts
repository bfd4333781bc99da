import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { RpcError, status } from '../errors.ts';
import type { Encoding } from './request-head.ts';

const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);

/**
 * A message as it was before it was compressed. Done by another thread, and no further than `maxBytes`.
 * @throws RpcError when it is larger, or no such data
 */
export async function inflated(
  message: Uint8Array,
  encoding: Encoding,
  maxBytes: number,
): Promise<Uint8Array> {
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    throw new RpcError(status.INTERNAL, 'a message is compressed, and its call does not say how');
  }
  try {
    const options = { maxOutputLength: maxBytes };
    return encoding === 'gzip' ? await gunzipAsync(message, options) : await inflateAsync(message, options);
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'; // Of zlib, all have one.
    if (isTooLarge) {
      const text = `grpc: received message larger than max after decompression (${maxBytes})`;
      throw new RpcError(status.RESOURCE_EXHAUSTED, text);
    }
    throw new RpcError(status.INTERNAL, `a message cannot be decompressed: ${encoding}`, { cause: error });
  }
}
