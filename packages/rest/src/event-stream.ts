import { rpcpb } from '@quorate/wire';
import type { IncomingMessage } from 'node:http';
import type { Exchange } from './exchange.ts';
import { bodyMessages, RequestReader, type RequestForm } from './request-messages.ts';
import type { RestError } from './status.ts';
import type { Framing } from './stream.ts';

const watchPath = '/etcdserverpb.Watch/Watch';

/** Whether the client is one of server-sent events, as browsers have them. etcd knows no such thing. */
export function isEventStream({ headers }: IncomingMessage): boolean {
  return headers.accept?.split(/[,;]/, 1)[0]?.trim() === 'text/event-stream';
}

/**
 * The answers of a stream as server-sent events. Requests are in the body, or in `?request=` where there can't be one.
 * An event of a watch has the revision as its id; a browser that has lost the connection names it, and the watch goes
 * on behind it.
 */
export class StreamOfEvents implements Framing {
  readonly contentType = 'text/event-stream';
  readonly #exchange: Exchange;
  readonly #form: RequestForm;

  constructor(exchange: Exchange, form: RequestForm) {
    this.#exchange = exchange;
    this.#form = form;
  }

  get #isWatch(): boolean {
    return this.#exchange.route.method.path === watchPath;
  }

  /** @throws RestError at what is no message */
  async *requests(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const message of this.#said()) yield this.#isWatch ? this.#resumed(message) : message;
  }

  around(message: Uint8Array): readonly [before: string, behind: string] {
    const id = this.#isWatch ? idOf(message) : undefined;
    return [`${id === undefined ? '' : `id: ${id}\n`}data: {"result":`, '}\n\n'];
  }

  failure(error: RestError): string {
    return `event: error\ndata: ${JSON.stringify(error.line)}\n\n`;
  }

  async *#said(): AsyncGenerator<Uint8Array, void, undefined> {
    const { request, query } = this.#exchange;
    if (request.method !== 'GET') return yield* bodyMessages(request, this.#form);
    const reader = new RequestReader(this.#form);
    yield* reader.push(Buffer.from(query.get('request') ?? ''));
    reader.end();
  }

  #resumed(message: Uint8Array): Uint8Array {
    const last = this.#exchange.request.headers['last-event-id'];
    const watch = rpcpb.WatchRequest.decode(message);
    const { requestUnion: union } = watch;
    if (typeof last !== 'string' || !/^\d{1,18}$/.test(last)) return message;
    if (union?.$case !== 'createRequest') return message;
    union.value.startRevision = BigInt(last) + 1n;
    return rpcpb.WatchRequest.encode(watch).finish();
  }
}

/** The revision up to which a client has heard everything; undefined where it has not, or where nothing happened. */
function idOf(message: Uint8Array): bigint | undefined {
  const { events, fragment } = rpcpb.WatchResponse.decode(message);
  return fragment ? undefined : events.at(-1)?.kv?.modRevision;
}
