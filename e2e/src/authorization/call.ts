import { RpcError, status, toRpcError, type Call, type MethodTable, type StreamCall } from '@quorate/rpc';
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

/**
 * Calls a method as a transport does, without one. A stream that does not end by itself is ended by the client when it
 * has said something and nothing more comes.
 */
export async function call(table: MethodTable, ask: EncodedAsk, shown: Shown): Promise<Answer> {
  const { path, messages } = ask;
  const method = table.get(path);
  if (method === undefined) return { code: status.UNIMPLEMENTED, text: 'no such method', messages: [] };
  const heard: Uint8Array[] = [];
  try {
    if (method.kind === 'unary') {
      heard.push(await method.handler(messages[0]!, new HandmadeCall(shown)));
    } else {
      await callStream(method.handler, { messages, shown, heard });
    }
    return { code: status.OK, text: '', messages: heard };
  } catch (error) {
    const { status: code, message: text } = toRpcError(error);
    return { code, text, messages: heard };
  }
}

async function callStream(
  handler: (call: StreamCall) => Promise<void>,
  {
    messages,
    shown,
    heard,
  }: { readonly messages: readonly Uint8Array[]; readonly shown: Shown; readonly heard: Uint8Array[] },
): Promise<void> {
  const made = new HandmadeStream(shown, messages, heard);
  let isOver = false;
  const handled = handler(made).finally(() => (isOver = true));
  const quiet = made.heardSomething.then(async () => {
    for (let known = -1; known < heard.length;) {
      known = heard.length;
      for (let turn = 0; turn < 4; turn++) await nextTurn();
    }
    if (!isOver) made.giveUp();
  });
  try {
    await handled;
  } catch (error) {
    if (!made.hasGivenUp) throw error;
  } finally {
    made.end();
    await quiet;
  }
}

class HandmadeCall implements Call {
  readonly commonName: string | undefined;
  readonly address = '192.0.2.1';
  readonly #shown: Shown;
  readonly #controller = new AbortController();

  constructor(shown: Shown) {
    this.#shown = shown;
    this.commonName = shown.commonName;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get hasGivenUp(): boolean {
    return this.#controller.signal.aborted;
  }

  metadata(key: string): string | undefined {
    if (key === 'token') return this.#shown.token;
    return key === 'authorization' ? this.#shown.authorization : undefined;
  }

  giveUp(): void {
    this.#controller.abort(new RpcError(status.CANCELLED, 'context canceled'));
  }
}

class HandmadeStream extends HandmadeCall implements StreamCall {
  readonly heardSomething: Promise<void>;
  readonly #messages: readonly Uint8Array[];
  readonly #heard: Uint8Array[];
  readonly #first = Promise.withResolvers<void>();

  constructor(shown: Shown, messages: readonly Uint8Array[], heard: Uint8Array[]) {
    super(shown);
    this.#messages = messages;
    this.#heard = heard;
    this.heardSomething = this.#first.promise;
  }

  get requests(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  send(message: Uint8Array): boolean {
    // The bytes are the transport's only until it has sent them.
    this.#heard.push(Uint8Array.from(message));
    this.#first.resolve();
    return true;
  }

  async drained(): Promise<void> {}

  end(): void {
    this.#first.resolve();
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    yield* this.#messages;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
