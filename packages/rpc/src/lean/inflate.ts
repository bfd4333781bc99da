import { extname } from 'node:path';
import { ThreadCrew } from '@quorate/std';
import { RpcError, status } from '../errors.ts';
import type { InflateAnswer, InflateOrder } from './inflate-order.ts';
import type { Encoding } from './request-head.ts';

/** Beside this file, and like it a source (`.ts`) in the checkout and JavaScript in what is published. */
const threadModule = new URL(`./inflate-thread${extname(import.meta.url)}`, import.meta.url);

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
 * Inflates the messages of all connections, one at a time: each may become a thousand times as large. That happens in a
 * thread of low priority, which starts with the first of them; what zlib leaves behind is garbage of that thread, and holds
 * nobody else up. The others wait as they came, those of one connection behind each other and connections by turns.
 */
export class Inflater implements AsyncDisposable {
  readonly #maxBytes: number;
  readonly #thread = new ThreadCrew<InflateOrder, InflateAnswer>({
    ...{ module: threadModule, threadsMax: 1, name: 'inflate' },
    closedError: () => new RpcError(status.UNAVAILABLE, 'the server is stopping'),
    failedError: (cause) =>
      new RpcError(status.INTERNAL, 'grpc: failed to decompress the message', { cause }),
  });
  /** Who waits for his turn, by owner, the owner whose turn is next in front. */
  readonly #lines = new Map<object, (() => void)[]>();
  #isRunning = false;

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
    if (this.#isRunning) await this.#turnOf(owner);
    this.#isRunning = true;
    try {
      if (!isWanted()) throw new RpcError(status.CANCELLED, 'context canceled');
      return inflated(await this.#thread.run({ message, encoding, maxBytes: this.#maxBytes }), {
        encoding,
        maxBytes: this.#maxBytes,
      });
    } finally {
      this.#next();
    }
  }

  /** Ends the thread at once; whoever waits for it is told that the server stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#thread[Symbol.asyncDispose]();
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
    this.#isRunning = false;
  }
}

function inflated(
  answer: InflateAnswer,
  { encoding, maxBytes }: { readonly encoding: string; readonly maxBytes: number },
): Uint8Array {
  if (answer instanceof Uint8Array) return answer;
  if (answer === 'too large') {
    const text = `grpc: received message after decompression larger than max ${maxBytes}`;
    throw new RpcError(status.RESOURCE_EXHAUSTED, text);
  }
  throw new RpcError(status.INTERNAL, `grpc: failed to decompress the message: ${encoding}`);
}
