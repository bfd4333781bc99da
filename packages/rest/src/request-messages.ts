import type { IncomingMessage } from 'node:http';
import { fromJson, type BytesForm } from './from-json.ts';
import { JsonScanner } from './json-scanner.ts';
import type { MessageShape } from './shapes.ts';
import { code, RestError } from './status.ts';

/** What a request has to say, and how. */
export interface RequestForm {
  readonly shape: MessageShape;
  readonly bytesForm: BytesForm;
  /** Largest message in protobuf's bytes. */
  readonly maxMessageBytes: number;
}

/** JSON may be that much longer than what it says: base64 adds a third, names and spaces the rest. */
const jsonOverhead = 2;

/** Makes protobuf's bytes of JSON that comes in pieces. */
export class RequestReader {
  readonly #form: RequestForm;
  readonly #scanner: JsonScanner;

  constructor(form: RequestForm) {
    this.#form = form;
    this.#scanner = new JsonScanner({ maxBytes: maxJsonBytes(form) });
  }

  /** The messages that end in this piece. @throws RestError at what is no message, or too large */
  *push(piece: Uint8Array): Generator<Uint8Array, void, undefined> {
    for (const json of this.#scanner.push(piece)) yield this.#message(json);
  }

  /** @throws RestError when the end comes too early */
  end(): void {
    const last = this.#scanner.end();
    // A number, which is no message.
    if (last !== undefined) this.#message(last);
  }

  #message(json: Uint8Array): Uint8Array {
    const { shape, bytesForm, maxMessageBytes } = this.#form;
    const message = fromJson(shape, json, bytesForm);
    if (message.length <= maxMessageBytes) return message;
    const text = `grpc: received message larger than max (${message.length} vs. ${maxMessageBytes})`;
    throw new RestError(code.RESOURCE_EXHAUSTED, text);
  }
}

/** Longest JSON of a message. */
export function maxJsonBytes({ maxMessageBytes }: Pick<RequestForm, 'maxMessageBytes'>): number {
  return maxMessageBytes * jsonOverhead;
}

/**
 * The messages of a body, in protobuf's bytes, as they come. Leaving early leaves the rest of the body unread.
 *
 * @throws RestError at what is no message, or too large
 */
export async function* bodyMessages(
  request: IncomingMessage,
  form: RequestForm,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new RequestReader(form);
  // Whoever leaves the loop still has an answer to give over the same connection.
  const pieces: AsyncIterable<Uint8Array> = request.iterator({ destroyOnReturn: false });
  try {
    for await (const piece of pieces) yield* reader.push(piece);
  } catch (error) {
    if (request.errored === null) throw error;
    throw new RestError(code.CANCELLED, 'context canceled', { cause: error });
  }
  reader.end();
}

/** The first of these messages; one in which nothing is said where there is none. What follows is not asked for. */
export async function firstOf(messages: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  for await (const message of messages) return message;
  return new Uint8Array(0);
}
