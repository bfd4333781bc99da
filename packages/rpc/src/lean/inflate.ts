import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { RpcError, status } from '../errors.ts';
import type { Encoding } from './request-head.ts';

const gunzipAsync = promisify(gunzip);
const inflateAsync = promisify(inflate);

/** Messages that are inflated at a time: half of the threads of Node's pool, of which files need the others. */
const atOnceMax = 2;

/** A message to be inflated. */
export interface Deflated {
  readonly message: Uint8Array;
  readonly encoding: Encoding;
  /** Whose it is: owners take turns. */
  readonly owner: object;
  /** Whether somebody still waits for it, when its turn has come. */
  readonly isWanted: () => boolean;
}

/**
 * Inflates the messages of all connections, a few at a time: each may become a thousand times as large, and takes a
 * thread meanwhile. The others wait as they came, those of one connection behind each other and connections by turns.
 */
export class Inflater {
  readonly #maxBytes: number;
  /** Who waits for his turn, by owner, the owner whose turn is next in front. */
  readonly #lines = new Map<object, (() => void)[]>();
  #running = 0;

  /** Nothing is inflated further than `maxBytes`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * A message as it was before it was compressed.
   * @throws RpcError when it is too large, or no such data, or nobody wants it any more
   */
  async inflate({ message, encoding, owner, isWanted }: Deflated): Promise<Uint8Array> {
    if (encoding !== 'gzip' && encoding !== 'deflate') {
      throw new RpcError(status.INTERNAL, 'grpc: compressed flag set with identity or empty encoding');
    }
    if (this.#running < atOnceMax) this.#running++;
    else await this.#turnOf(owner);
    try {
      if (!isWanted()) throw new RpcError(status.CANCELLED, 'context canceled');
      return await inflated(message, encoding, this.#maxBytes);
    } finally {
      this.#next();
    }
  }

  #turnOf(owner: object): Promise<void> {
    return new Promise((resolve) => {
      const line = this.#lines.get(owner);
      if (line === undefined) this.#lines.set(owner, [resolve]);
      else line.push(resolve);
    });
  }

  /** The place of one that is done goes to the next. */
  #next(): void {
    for (const [owner, line] of this.#lines) {
      const begin = line.shift();
      this.#lines.delete(owner);
      if (line.length > 0) this.#lines.set(owner, line);
      if (begin !== undefined) return begin();
    }
    this.#running--;
  }
}

async function inflated(
  message: Uint8Array,
  encoding: 'gzip' | 'deflate',
  maxBytes: number,
): Promise<Uint8Array> {
  try {
    const options = { maxOutputLength: maxBytes };
    return encoding === 'gzip' ? await gunzipAsync(message, options) : await inflateAsync(message, options);
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'; // Of zlib, all have one.
    if (isTooLarge) {
      const text = `grpc: received message after decompression larger than max ${maxBytes}`;
      throw new RpcError(status.RESOURCE_EXHAUSTED, text);
    }
    throw new RpcError(status.INTERNAL, `grpc: failed to decompress the message: ${encoding}`, {
      cause: error,
    });
  }
}
