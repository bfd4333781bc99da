import type { IncomingMessage } from 'node:http';

/** A body that cannot be read to its end. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: 'BODY_TOO_LARGE' | 'BODY_UNREADABLE';

  constructor(code: 'BODY_TOO_LARGE' | 'BODY_UNREADABLE', options?: ErrorOptions) {
    super(code === 'BODY_TOO_LARGE' ? 'http: request body too large' : 'unexpected EOF', options);
    this.code = code;
  }
}

/**
 * Bytes that bodies not read to their end hold altogether, so that a hundred senders of half a large message each
 * cannot use up the memory that one whole message may.
 */
export class BodyBudget {
  readonly #max: number;
  #used = 0;

  constructor(max: number) {
    this.#max = max;
  }

  take(bytes: number): boolean {
    if (this.#used + bytes > this.#max) return false;
    this.#used += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#used -= bytes;
  }
}

/** The whole body, once it has come. What it says of its length is believed only to refuse it. @throws BodyError */
export async function readBody(
  request: IncomingMessage,
  { maxBytes, budget }: { readonly maxBytes: number; readonly budget: BodyBudget },
): Promise<Uint8Array> {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw new BodyError('BODY_TOO_LARGE');
  const chunks: Buffer[] = [];
  let size = 0;
  let held = 0;
  try {
    // The stream holds no encoding, so its chunks are Buffers. Leaving early must not end the connection.
    const body = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
    for await (const chunk of body) {
      size += chunk.length;
      if (size > maxBytes || !budget.take(chunk.length)) throw new BodyError('BODY_TOO_LARGE');
      held += chunk.length;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks, size);
  } catch (cause) {
    if (cause instanceof BodyError) throw cause;
    throw new BodyError('BODY_UNREADABLE', { cause });
  } finally {
    budget.giveBack(held);
  }
}
