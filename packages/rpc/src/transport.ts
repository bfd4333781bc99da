import type { ByteSource } from '@quorate/std';
import { messagesOf, type MessageBatch } from '@quorate/wire';

/**
 * What a transport and the services know of each other: methods as functions from bytes to bytes. Our own
 * HTTP/2, grpc-js and I/O threads are transports; nothing here is of gRPC's making but the names.
 */

/** One call, as a handler sees it. */
export interface Call {
  /** The first value of a metadata key (lower case), undefined when absent. */
  metadata(key: string): string | undefined;
  /** Of the client's certificate, if there was one and it was verified. */
  readonly commonName: string | undefined;
  /** Where the client is, without the port; undefined when there is no such thing. */
  readonly address: string | undefined;
  /** Aborted when the client gave up, its deadline passed, or the connection is gone. */
  readonly signal: AbortSignal;
}

/** A call that sends many messages. */
export interface StreamCall extends Call {
  /**
   * Queues one encoded message; the bytes belong to the transport. False when the transport's buffer is
   * full: then wait for `drained` before sending more.
   */
  send(message: Uint8Array): boolean;
  /**
   * Queues several messages, in their order, as if each were given to `send`, at the cost of one: who has many to say in a
   * turn says them this way. The bytes belong to the transport, which releases the batch when it needs them no more.
   */
  sendBatch(batch: MessageBatch): boolean;
  /** Resolves when there is room again, or the call is over. */
  drained(): Promise<void>;
  /**
   * Messages from the client until it half-closes; one for a call with a single request. Who does not read lets the
   * client wait. To be read once, and not by who uses `receive`.
   */
  readonly requests: AsyncIterable<Uint8Array>;
  /**
   * The same, handed over as they come, in their order: no promise is made for a message. The next one waits while
   * `onRequest` has returned a promise that is not settled. The first ones may come before `receive` returns. To be called
   * once, and not by who reads `requests`.
   *
   * Resolves when the client has half-closed and all it sent is dealt with, or when the call is over; rejects with what
   * `onRequest` throws or rejects with, after which it is not called again.
   */
  receive(onRequest: OnRequest): Promise<void>;
  /**
   * Has `tell` called when `signal` would be aborted, or now when it is already: for who has thousands of calls that wait,
   * and would make a signal only for that. To be called once.
   */
  onGivenUp(tell: () => void): void;
}

/** `StreamCall.onGivenUp` over `Call.signal`, for calls that have one anyway. */
export function onAborted(signal: AbortSignal, tell: () => void): void {
  if (signal.aborted) tell();
  else signal.addEventListener('abort', tell, { once: true });
}

/** Takes a request, whose bytes it may keep. The next one waits for the promise, if there is one. */
export type OnRequest = (request: Uint8Array) => void | Promise<void>;

/** `StreamCall.receive` over `StreamCall.requests`, for calls where it need not be fast. */
export async function receiveEach(requests: AsyncIterable<Uint8Array>, onRequest: OnRequest): Promise<void> {
  for await (const request of requests) {
    const dealtWith = onRequest(request);
    if (dealtWith !== undefined) await dealtWith;
  }
}

/**
 * `StreamCall.sendBatch` over `StreamCall.send`, for calls that take messages one by one. The batch is never released: its
 * messages are views of it, which whoever was given them may keep.
 */
export function sendEach(call: Pick<StreamCall, 'send'>, batch: MessageBatch): boolean {
  let hasRoom = true;
  for (const message of messagesOf(batch)) hasRoom = call.send(message);
  return hasRoom;
}

/** A message to send: its bytes, or where they come from when they are sent. `wholeBytes` makes one of the other. */
export type Message = Uint8Array | ByteSource;

/**
 * A response now or later. Of promises a `Later` of `@quorate/std` costs least, and it is no `Promise` by `instanceof`: ask
 * `isLater`.
 */
export type Answer = Message | Promise<Message>;

/** Whether a response is still to come. */
export function isLater(answer: Answer): answer is Promise<Message> {
  return !(answer instanceof Uint8Array) && 'then' in answer;
}

/** One request, one response. Throwing ends the call with the status of the error. */
export type UnaryHandler = (request: Uint8Array, call: Call) => Answer;

/** Ends the call with OK when it returns, with the status of the error when it throws. */
export type StreamHandler = (call: StreamCall) => Promise<void>;

/** A method behind its full gRPC path. */
export type Method =
  | { readonly kind: 'unary'; readonly handler: UnaryHandler }
  | {
      readonly kind: 'stream';
      readonly clientStreams: boolean;
      readonly serverStreams: boolean;
      /**
       * No end of it is to be waited for: it lasts until its client leaves, as a watch does. A server that stops ends it at
       * once, with UNAVAILABLE.
       */
      readonly isOpenEnded?: boolean;
      readonly handler: StreamHandler;
    };

/** All methods by path, e.g. `/etcdserverpb.KV/Put`. */
export type MethodTable = ReadonlyMap<string, Method>;
