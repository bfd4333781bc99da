import type { KeyPrefix } from '@quorate/client';
import type { Call, Method } from '@quorate/rpc';
import { keyRange, toLatin1 } from '@quorate/std';
import { rpcpb } from '@quorate/wire';
import { credentialsOf, type Credentials } from './credentials.ts';
import { decodeRequest } from './decode-request.ts';
import { forwardedStream, translate } from './forward.ts';
import { headerRevision } from './header-revision.ts';
import type { Leasing, LeasingCall } from './leasing/leasing.ts';
import type { RangeCache } from './range-cache.ts';
import type { RevisionOrder } from './revision-order.ts';
import type { Upstream } from './upstream.ts';
import { toProxiedError } from './upstream-errors.ts';
import { isReadOnly, writtenRanges, type WrittenRange } from './written-ranges.ts';

export interface KvOptions {
  readonly upstream: Upstream;
  readonly cache: RangeCache;
  readonly order: RevisionOrder;
  readonly namespace: KeyPrefix;
  readonly closing: AbortSignal;
  /** Keys that are owned rather than asked for; undefined when none are. */
  readonly leasing: Leasing | undefined;
}

const pathOf = (method: keyof typeof rpcpb.KVDefinition.methods): string =>
  `/${rpcpb.KVDefinition.fullName}/${rpcpb.KVDefinition.methods[method].name}`;

/** `etcdserverpb.KV`: reads are kept for a while, and what is written removes what was kept. */
export function kvMethods(options: KvOptions): ReadonlyMap<string, Method> {
  const unary = (handler: (kv: Kv, request: Uint8Array, call: Call) => Promise<Uint8Array>): Method => ({
    kind: 'unary',
    handler: (request, call) => handler(new Kv(options, call), request, call),
  });
  const { namespace } = options;
  return new Map<string, Method>([
    [pathOf('range'), unary((kv, request) => kv.range(request))],
    [pathOf('put'), unary((kv, request) => kv.put(request))],
    [pathOf('deleteRange'), unary((kv, request) => kv.deleteRange(request))],
    [pathOf('txn'), unary((kv, request) => kv.txn(request))],
    [pathOf('compact'), unary((kv, request) => kv.compact(request))],
    [
      pathOf('rangeStream'),
      forwardedStream(pathOf('rangeStream'), {
        ...options,
        ...(!namespace.isEmpty && {
          changeRequest: (bytes) => encodeRange(namespace.addTo(decodeRequest(rpcpb.RangeRequest, bytes))),
          changeResponse: (bytes) => stripRangeStream(bytes, namespace),
        }),
      }),
    ],
  ]);
}

/** The calls of one client's request. */
class Kv {
  readonly #options: KvOptions;
  readonly #credentials: Credentials;
  readonly #call: Call;

  constructor(options: KvOptions, call: Call) {
    this.#options = options;
    this.#credentials = credentialsOf(call);
    this.#call = call;
  }

  async range(bytes: Uint8Array): Promise<Uint8Array> {
    const { cache, order, namespace } = this.#options;
    const asked = decodeRequest(rpcpb.RangeRequest, bytes);
    const request = translate(() => namespace.addTo(asked));
    // What was read in any way may be read again in the way that does not mind that it is old.
    const key = `${this.#credentials.key}\n${toLatin1(encodeRange({ ...request, serializable: true }))}`;
    // Whoever demands a leader wants to hear whether there is one.
    if (request.serializable && !this.#credentials.demandsLeader) {
      const kept = cache.get(key);
      if (kept !== undefined && order.allows(kept.revision)) return kept.response;
    }
    const read = cache.begin(keyRange(request.key, request.rangeEnd));
    try {
      const owned = await this.#owned(asked);
      if (owned !== undefined) return owned;
      const sent = namespace.isEmpty ? bytes : encodeRange(request);
      const answer = await order.read((endpoint) => this.#read('range', sent, endpoint), this.#call.signal);
      const response = namespace.isEmpty
        ? answer
        : encodeWith(rpcpb.RangeResponse, namespace.stripRange(rpcpb.RangeResponse.decode(answer)));
      cache.add(key, read, { response, revision: headerRevision(answer), atRevision: request.revision });
      return response;
    } finally {
      cache.end(read);
    }
  }

  async put(bytes: Uint8Array): Promise<Uint8Array> {
    const { namespace, leasing } = this.#options;
    const { PutRequest, PutResponse } = rpcpb;
    const asked = decodeRequest(PutRequest, bytes);
    const request = translate(() => ({ ...asked, key: namespace.addToKey(asked.key) }));
    return await this.#write([{ key: request.key, rangeEnd: noEnd }], async () => {
      if (leasing !== undefined) return encodeWith(PutResponse, await leasing.put(asked, this.#leasingCall));
      if (namespace.isEmpty) return await this.#send('put', bytes);
      const answer = await this.#send('put', encodeWith(PutRequest, request));
      return encodeWith(PutResponse, namespace.stripPut(PutResponse.decode(answer)));
    });
  }

  async deleteRange(bytes: Uint8Array): Promise<Uint8Array> {
    const { namespace, leasing } = this.#options;
    const { DeleteRangeRequest, DeleteRangeResponse } = rpcpb;
    const asked = decodeRequest(DeleteRangeRequest, bytes);
    const request = translate(() => namespace.addTo(asked));
    return await this.#write([request], async () => {
      if (leasing !== undefined) {
        return encodeWith(DeleteRangeResponse, await leasing.deleteRange(asked, this.#leasingCall));
      }
      if (namespace.isEmpty) return await this.#send('deleteRange', bytes);
      const answer = await this.#send('deleteRange', encodeWith(DeleteRangeRequest, request));
      return encodeWith(DeleteRangeResponse, namespace.stripDelete(DeleteRangeResponse.decode(answer)));
    });
  }

  async txn(bytes: Uint8Array): Promise<Uint8Array> {
    const { namespace, order, leasing } = this.#options;
    const { TxnRequest, TxnResponse } = rpcpb;
    const asked = decodeRequest(TxnRequest, bytes);
    const request = translate(() => ({ ...asked, ...namespace.addToTxn(asked) }));
    const sent = namespace.isEmpty ? bytes : encodeWith(TxnRequest, request);
    const strip = (answer: Uint8Array): Uint8Array =>
      namespace.isEmpty ? answer : encodeWith(TxnResponse, namespace.stripTxn(TxnResponse.decode(answer)));
    if (isReadOnly(request)) {
      return strip(await order.read((endpoint) => this.#read('txn', sent, endpoint), this.#call.signal));
    }
    return await this.#write(writtenRanges(request), async () => {
      if (leasing === undefined) return strip(await this.#send('txn', sent));
      return encodeWith(TxnResponse, await leasing.txn(asked, writtenRanges(asked), this.#leasingCall));
    });
  }

  async compact(bytes: Uint8Array): Promise<Uint8Array> {
    const { revision } = decodeRequest(rpcpb.CompactionRequest, bytes);
    const answer = await this.#write([], () => this.#send('compact', bytes));
    this.#options.cache.compact(revision);
    return answer;
  }

  #read(method: 'range' | 'txn', request: Uint8Array, endpoint?: string): Promise<Uint8Array> {
    return this.#options.upstream.unary(pathOf(method), request, {
      metadata: this.#credentials.metadata,
      signal: this.#call.signal,
      repeatable: true,
      ...(endpoint !== undefined && { endpoint }),
    });
  }

  /** The answer for a key that is owned, or is from now on; undefined when the cluster has to be asked. */
  async #owned(asked: rpcpb.RangeRequest): Promise<Uint8Array | undefined> {
    const { leasing, order } = this.#options;
    const { metadata } = this.#credentials;
    // Who may read what is for the cluster to say.
    if (leasing === undefined || metadata.has('token') || metadata.has('authorization')) return undefined;
    try {
      const response = await leasing.range(asked, this.#leasingCall);
      if (response === undefined) return undefined;
      order.note(response.header?.revision ?? 0n);
      return encodeWith(rpcpb.RangeResponse, response);
    } catch (error) {
      throw toProxiedError(error);
    }
  }

  get #leasingCall(): LeasingCall {
    return { metadata: this.#credentials.metadata, signal: this.#call.signal };
  }

  #send(method: 'put' | 'deleteRange' | 'txn' | 'compact', request: Uint8Array): Promise<Uint8Array> {
    const { metadata } = this.#credentials;
    return this.#options.upstream.unary(pathOf(method), request, { metadata, signal: this.#call.signal });
  }

  /** One that fails may have been done all the same. */
  async #write(ranges: readonly WrittenRange[], send: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const { cache, order } = this.#options;
    try {
      const answer = await send();
      order.note(headerRevision(answer));
      return answer;
    } catch (error) {
      throw toProxiedError(error);
    } finally {
      cache.invalidate(ranges.map(({ key, rangeEnd }) => keyRange(key, rangeEnd)));
    }
  }
}

const noEnd = new Uint8Array(0);

function encodeWith<T>(type: { encode(message: T): { finish(): Uint8Array } }, message: T): Uint8Array {
  return type.encode(message).finish();
}

function encodeRange(request: rpcpb.RangeRequest): Uint8Array {
  return encodeWith(rpcpb.RangeRequest, request);
}

function stripRangeStream(bytes: Uint8Array, namespace: KeyPrefix): Uint8Array {
  const { rangeResponse } = rpcpb.RangeStreamResponse.decode(bytes);
  return encodeWith(rpcpb.RangeStreamResponse, {
    rangeResponse: rangeResponse === undefined ? undefined : namespace.stripRange(rangeResponse),
  });
}
