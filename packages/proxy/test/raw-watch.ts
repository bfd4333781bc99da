import type { Client } from '@quorate/client';
import { fromUtf8, toUtf8 } from '@quorate/std';
import { mvccpb, rpcpb } from '@quorate/wire';
import { RequestQueue } from '../src/request-queue.ts';

/** A create request of which only this is not empty. */
export type Asked = Partial<Omit<rpcpb.WatchCreateRequest, 'key' | 'rangeEnd'>> & {
  readonly key: string;
  readonly rangeEnd?: string;
};

/** A watch stream with nothing in between: what is sent and what comes back. */
export class RawWatch {
  readonly #requests = new RequestQueue();
  readonly #ended = new AbortController();
  readonly #responses: AsyncGenerator<Uint8Array, void, undefined>;

  constructor(client: Client, metadata?: ReadonlyMap<string, string>) {
    const options = { signal: this.#ended.signal, metadata };
    this.#responses = client.stream('/etcdserverpb.Watch/Watch', this.#requests, options);
  }

  create(asked: Asked): void {
    const value = {
      ...rpcpb.WatchCreateRequest.create(),
      ...asked,
      ...{ key: fromUtf8(asked.key), rangeEnd: fromUtf8(asked.rangeEnd ?? '') },
    };
    this.#send({ requestUnion: { $case: 'createRequest', value } });
  }

  cancel(watchId: bigint): void {
    this.#send({ requestUnion: { $case: 'cancelRequest', value: { watchId } } });
  }

  askProgress(): void {
    this.#send({ requestUnion: { $case: 'progressRequest', value: {} } });
  }

  /** The next response. @throws EtcdError when the stream has ended with one */
  async next(): Promise<rpcpb.WatchResponse> {
    const { value, done } = await this.#responses.next();
    if (done === true) throw new Error('the stream has ended');
    return rpcpb.WatchResponse.decode(value);
  }

  /** Responses up to the first that is like that. */
  async until(isLast: (response: rpcpb.WatchResponse) => boolean): Promise<readonly rpcpb.WatchResponse[]> {
    const responses: rpcpb.WatchResponse[] = [];
    for (;;) {
      const response = await this.next();
      responses.push(response);
      if (isLast(response)) return responses;
    }
  }

  close(): void {
    this.#ended.abort(new Error('the test is done with it'));
    this.#requests.end();
  }

  #send(request: rpcpb.WatchRequest): void {
    this.#requests.push(rpcpb.WatchRequest.encode(request).finish());
  }
}

/** An event as text: `put a=1 @5`, with what was there before if it is told. */
export function eventText({ type, kv, prevKv }: mvccpb.Event): string {
  const name = type === mvccpb.Event_EventType.DELETE ? 'delete' : 'put';
  const before = prevKv === undefined ? '' : ` (${toUtf8(prevKv.value)} @${prevKv.modRevision})`;
  return `${name} ${toUtf8(kv?.key ?? new Uint8Array(0))}=${toUtf8(kv?.value ?? new Uint8Array(0))} @${kv?.modRevision}${before}`;
}
