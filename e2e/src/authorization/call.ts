import {
  receiveEach,
  RpcError,
  status,
  toRpcError,
  type MethodTable,
  type OnRequest,
  type StreamCall,
} from '@quorate/rpc';
import { wholeBytes } from '@quorate/std';
import { messagesOf, type MessageBatch } from '@quorate/wire';
import type { EncodedAsk } from './ask.ts';

/** What a client shows of itself. */
export interface Shown {
  /** Metadata of the call. */
  readonly token?: string;
  readonly authorization?: string;
  /** Of its certificate, which was verified. */
  readonly commonName?: string;
}

/** All that a client gets. */
export interface Answer {
  readonly code: number;
  readonly text: string;
  readonly messages: readonly Uint8Array[];
}

/** Turns of the event loop in which something must come of a call, or the client gives up. */
const turnsMax = 1_000;
/** Turns without a message after which a stream has said all it has to say. */
const quietTurns = 4;

/**
 * Calls a method as a transport does, without one. A stream that does not end by itself is ended by the client when it
 * has said something and nothing more comes.
 */
export async function call(table: MethodTable, ask: EncodedAsk, shown: Shown): Promise<Answer> {
  const { path, messages } = ask;
  const method = table.get(path);
  if (method === undefined) return { code: status.UNIMPLEMENTED, text: 'no such method', messages: [] };
  const made = new HandmadeCall(shown, messages);
  const patience = made.giveUpInTime();
  try {
    if (method.kind === 'unary') made.send(wholeBytes(await method.handler(messages[0]!, made)));
    else await method.handler(made);
    return { code: status.OK, text: '', messages: made.heard };
  } catch (error) {
    if (made.hasHeardEnough) return { code: status.OK, text: '', messages: made.heard };
    const { status: code, message: text } = toRpcError(error);
    return { code, text, messages: made.heard };
  } finally {
    made.isOver = true;
    await patience;
  }
}

class HandmadeCall implements StreamCall {
  readonly commonName: string | undefined;
  readonly address = '192.0.2.1';
  readonly heard: Uint8Array[] = [];
  isOver = false;
  readonly #shown: Shown;
  readonly #messages: readonly Uint8Array[];
  readonly #controller = new AbortController();

  constructor(shown: Shown, messages: readonly Uint8Array[]) {
    this.#shown = shown;
    this.#messages = messages;
    this.commonName = shown.commonName;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get requests(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  /** Whether the client has left since all had been said. */
  get hasHeardEnough(): boolean {
    return this.#controller.signal.aborted && this.heard.length > 0;
  }

  metadata(key: string): string | undefined {
    if (key === 'token') return this.#shown.token;
    return key === 'authorization' ? this.#shown.authorization : undefined;
  }

  send(message: Uint8Array): boolean {
    // The bytes are the transport's only until it has sent them.
    this.heard.push(Uint8Array.from(message));
    return true;
  }

  sendBatch(batch: MessageBatch): boolean {
    for (const message of messagesOf(batch)) this.send(message);
    return true;
  }

  receive(onRequest: OnRequest): Promise<void> {
    return receiveEach(this.requests, onRequest);
  }

  onGivenUp(tell: () => void): void {
    this.signal.addEventListener('abort', tell, { once: true });
  }

  async drained(): Promise<void> {}

  async giveUpInTime(): Promise<void> {
    let known = 0;
    for (let turn = 0, quiet = 0; !this.isOver; turn++) {
      quiet = this.heard.length > known ? 0 : quiet + 1;
      known = this.heard.length;
      if (turn > turnsMax || (known > 0 && quiet > quietTurns)) break;
      await nextTurn();
    }
    if (!this.isOver) this.#controller.abort(new RpcError(status.CANCELLED, 'context canceled'));
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#messages;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
