import type { HeaderList, Http2Stream, OutgoingField } from '@quorate/http2';
import { Later, type Outcome } from '@quorate/std';
import { messagePrefixBytes, type MessageBatch } from '@quorate/wire';
import { RpcError, status, type StatusCode } from '../errors.ts';
import { isInternal, toRpcError } from '../status.ts';
import { isLater, type Message, type Method, type OnRequest, type StreamCall } from '../transport.ts';
import { BatchSource } from './batch-source.ts';
import { errorHeader, errorTrailer, okTrailer, responseHeader } from './headers.ts';
import { Inbox, type InboxOwner } from './inbox.ts';
import type { LeanSession } from './lean-session.ts';
import { MessageReader, prefixOf, type MessageSink } from './message-reader.ts';
import type { RequestHead } from './request-head.ts';

/** A handler waits with more while so many bytes of a stream wait for the client. */
const roomBytes = 64 * 1024;
/** Made once: calls are given up by the thousand, and the place where it was made is half of what an error costs. */
const cancelled = new RpcError(status.CANCELLED, 'context canceled');
/**
 * One call on a stream, from its header until both are over: the stream, and the work of its handler.
 *
 * Invariants: the handler is called once at most, and what it returns or throws is sent once at most; messages come in
 * order.
 */
export class LeanCall implements StreamCall, MessageSink, InboxOwner, Outcome<Message> {
  readonly session: LeanSession;
  /** Rises from call to call of a server. */
  readonly number: number;
  readonly stream: Http2Stream<LeanCall>;
  readonly head: RequestHead;
  readonly headerBytes: number;
  /** On the server's clock; Infinity for none. */
  readonly deadlineMs: number;
  readonly #header: HeaderList;
  readonly #method: Method;
  readonly #reader: MessageReader;
  readonly #startedAtMs: number;
  /** Messages that nobody has taken yet. */
  readonly #inbox = new Inbox(this);
  /** Bytes that came, of which the client has not been told that they were taken. */
  #unacknowledged = 0;
  #hasAllMessages = false;
  #controller: AbortController | undefined;
  #onGivenUp: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #receiver: Receiver | undefined;
  #onRoom: (() => void) | undefined;
  /** What the client was told before the handler was done. */
  #told: StatusCode | undefined;
  /** The handler was called, and is not done. */
  runs = false;
  /** What the client is told was decided. */
  isAnswered = false;
  /** It stands in line for its handler. */
  isReady = false;

  constructor(made: {
    readonly session: LeanSession;
    readonly number: number;
    readonly stream: Http2Stream<LeanCall>;
    readonly head: RequestHead;
    readonly header: HeaderList;
    readonly method: Method;
    readonly nowMs: number;
  }) {
    this.session = made.session;
    this.number = made.number;
    this.stream = made.stream;
    this.head = made.head;
    this.headerBytes = made.header.size;
    this.#header = made.header;
    this.#method = made.method;
    this.#startedAtMs = made.nowMs;
    this.deadlineMs = made.nowMs + made.head.timeoutMs;
    this.#reader = new MessageReader(made.session.server.maxReceiveBytes, made.session.server.pages);
  }

  // -- What a handler sees

  get commonName(): string | undefined {
    return this.session.commonName;
  }

  get address(): string | undefined {
    return this.session.address;
  }

  metadata(key: string): string | undefined {
    const value = this.#header.value(key);
    // A character is a byte there; what is no ASCII is UTF-8, or it is nothing.
    return value === undefined || isAscii(value) ? value : Buffer.from(value, 'latin1').toString();
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.isOver) this.#controller.abort(cancelled);
    }
    return this.#controller.signal;
  }

  onGivenUp(tell: () => void): void {
    if (this.isOver) tell();
    else this.#onGivenUp = tell;
  }

  send(message: Uint8Array): boolean {
    if (this.isOver) return true;
    this.session.server.observer.onSent?.(this.head.path, message.length);
    this.#begin();
    this.stream.sendData([prefixOf(message.length), message], { isEnd: false });
    this.session.sent(this);
    return this.stream.pendingBytes < roomBytes;
  }

  sendBatch(batch: MessageBatch): boolean {
    if (this.isOver) {
      batch.release();
      return true;
    }
    const { bytes, count } = batch;
    this.session.server.observer.onSent?.(this.head.path, bytes.length - count * messagePrefixBytes, count);
    this.#begin();
    this.stream.sendData([new BatchSource(batch)], { isEnd: false });
    this.session.sent(this);
    return this.stream.pendingBytes < roomBytes;
  }

  async drained(): Promise<void> {
    if (this.isOver || this.stream.pendingBytes < roomBytes) return;
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
  }

  get requests(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const message = this.#nextMessage();
      if (message !== undefined) yield message;
      else if (this.#isAllTaken) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  receive(onRequest: OnRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      const receiver = { onRequest, resolve, reject, isBusy: false };
      this.#receiver = receiver;
      this.#handOver(receiver);
    });
  }

  /** Hands messages over until there is none, or one of them takes a while. */
  #handOver(receiver: Receiver): void {
    while (this.#receiver === receiver && !receiver.isBusy) {
      const message = this.#nextMessage();
      if (message === undefined) {
        if (!this.#isAllTaken) return;
        this.#receiver = undefined;
        return receiver.resolve();
      }
      try {
        const dealtWith = receiver.onRequest(message);
        if (dealtWith !== undefined) this.#awaitReceiver(receiver, dealtWith);
      } catch (error) {
        this.#receiver = undefined;
        receiver.reject(error);
      }
    }
  }

  #awaitReceiver(receiver: Receiver, dealtWith: Promise<void>): void {
    receiver.isBusy = true;
    dealtWith.then(
      () => {
        receiver.isBusy = false;
        this.#handOver(receiver);
      },
      (error: unknown) => {
        this.#receiver = undefined;
        receiver.reject(error);
      },
    );
  }

  #nextMessage(): Uint8Array | undefined {
    const message = this.#inbox.next();
    if (message === undefined) return undefined;
    this.#acknowledge();
    this.session.server.countHeld(this);
    this.session.server.observer.onReceived?.(this.head.path, message.length);
    return message;
  }

  /** Whether no message will come any more. */
  get #isAllTaken(): boolean {
    return (this.#hasAllMessages && !this.#inbox.isInflating) || this.isOver;
  }

  // -- What the session tells

  /** Nothing of it is of use to anybody any more. */
  get isOver(): boolean {
    return this.isAnswered || this.stream.isClosed;
  }

  /** Bytes that are held for it until the rest of its request comes. */
  get unfinishedBytes(): number {
    return this.#reader.unfinishedBytes;
  }

  /** Bytes of messages that are whole, and that its handler has not taken, or that wait to be inflated. */
  get heldBytes(): number {
    return this.#inbox.heldBytes;
  }

  /** Whether its request has to be whole before anybody looks at it. */
  get isSingleRequest(): boolean {
    return this.#method.kind === 'unary' || !this.#method.clientStreams;
  }

  /** A server that stops does not wait for it. */
  get isOpenEnded(): boolean {
    return this.#method.kind === 'stream' && this.#method.isOpenEnded === true;
  }

  /** Takes what came; true when its handler may be called now. */
  take(bytes: Uint8Array, isEnd: boolean): boolean {
    if (this.isOver) return false;
    try {
      if (!this.#hasItsRequest) this.#reader.push(bytes, this);
    } catch (error) {
      if (!this.#hasItsRequest) {
        this.fail(toRpcError(error));
        return false;
      }
    }
    this.#unacknowledged += bytes.length;
    this.#acknowledge();
    if (isEnd) this.#end();
    this.#wakeReader();
    const { isInflating } = this.#inbox;
    // What its handler gets in this turn need not be kept.
    if (isInflating || !(this.#inbox.isEmpty || (isEnd && this.isSingleRequest))) {
      this.#inbox.keep();
      this.session.server.countHeld(this);
    }
    return isEnd && this.isSingleRequest && !isInflating;
  }

  /** A client that sends faster than its messages are taken has to wait. */
  #acknowledge(): void {
    if (this.#unacknowledged === 0 || (this.#inbox.isFull && !this.isSingleRequest)) return;
    this.stream.acknowledge(this.#unacknowledged);
    this.#unacknowledged = 0;
    this.session.flushSoon();
  }

  /** As with etcd, nobody looks at what follows the request of a unary call, whatever it is. */
  get #hasItsRequest(): boolean {
    return this.#method.kind === 'unary' && !this.#inbox.isEmpty;
  }

  /** A message of its is whole. */
  onMessage(message: Uint8Array, isCompressed: boolean): void {
    if (this.#hasItsRequest) return;
    if (this.isSingleRequest && !this.#inbox.isEmpty) {
      throw wrongCount('received multiple request messages for');
    }
    this.#inbox.add(message, isCompressed);
  }

  /** A compressed one as it was; called when it is its turn. */
  inflate(message: Uint8Array): Promise<Uint8Array> {
    const { encoding } = this.head;
    const isWanted = (): boolean => !this.isOver;
    return this.session.server.inflater.inflate({ message, encoding, owner: this.session, isWanted });
  }

  onInflated(): void {
    this.session.server.countHeld(this);
    this.#wakeReader();
    if (this.#hasAllMessages && this.isSingleRequest && !this.isOver) this.session.ready(this);
  }

  onBroken(error: unknown): void {
    this.fail(toRpcError(error));
  }

  #end(): void {
    this.#hasAllMessages = true;
    if (this.#hasItsRequest) return;
    const isUnary = this.#method.kind === 'unary';
    // To gRPC for Go a part of a prefix is no message at all.
    const hasBegun = this.unfinishedBytes >= messagePrefixBytes;
    if (!isUnary && !hasBegun) return;
    const text = hasBegun ? 'unexpected EOF' : 'EOF';
    this.fail(new RpcError(isUnary ? status.UNKNOWN : status.INTERNAL, text));
  }

  #wakeReader(): void {
    if (this.#receiver !== undefined) return this.#handOver(this.#receiver);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** Calls the handler. */
  start(): void {
    if (this.isOver) return;
    const { observer } = this.session.server;
    this.runs = true;
    observer.onStarted?.(this.head.path, this.head.clientApiVersion);
    if (this.isSingleRequest && this.#inbox.isEmpty) {
      this.#finish(wrongCount('received no request message from'));
      return;
    }
    if (this.#method.kind === 'stream') {
      this.#method.handler(this).then(
        () => this.#finish(undefined),
        (error: unknown) => this.#finish(error),
      );
      return;
    }
    const request = this.#nextMessage();
    if (request === undefined) return; // Only for the compiler: a unary call has a single request.
    try {
      const response = this.#method.handler(request, this);
      if (response instanceof Later) response.tell(this);
      else if (isLater(response)) {
        response.then(
          (message) => this.onValue(message),
          (error: unknown) => this.onError(error),
        );
      } else this.onValue(response);
    } catch (error) {
      this.#finish(error);
    }
  }

  /** The handler of a single answer has made it. */
  onValue(response: Message): void {
    if (!this.isOver) {
      this.isAnswered = true;
      this.session.server.observer.onSent?.(this.head.path, response.length);
      this.stream.answer(responseHeader, [prefixOf(response.length), response], okTrailer);
      this.session.sent(this);
      if (!(response instanceof Uint8Array) && !this.stream.isClosed) {
        this.session.server.lend(this, response);
      }
    }
    this.#done(status.OK);
  }

  /** The handler has failed. */
  onError(error: unknown): void {
    this.#finish(error);
  }

  /** The end of a stream, or the failure of any call. */
  #finish(error: unknown): void {
    if (error === undefined) {
      if (!this.isOver) {
        this.isAnswered = true;
        this.#begin();
        this.stream.sendTrailer(okTrailer);
        this.session.sent(this);
      }
      return this.#done(status.OK);
    }
    if (isInternal(error)) this.session.server.observer.onInternalError?.(this.head.path, error);
    const rpcError = toRpcError(error);
    this.fail(rpcError);
    this.#done(rpcError.status);
  }

  #done(code: StatusCode): void {
    this.runs = false;
    const { observer, clock } = this.session.server;
    const durationMs = clock.now() - this.#startedAtMs;
    observer.onHandled?.({ path: this.head.path, status: this.#told ?? code, durationMs });
    this.session.server.settle(this);
  }

  /** Ends the call with a status, in `header` if nothing was sent yet and if that was not decided before. What its handler does further is for nobody. */
  fail(error: RpcError, header?: readonly OutgoingField[]): void {
    if (this.isOver) return;
    this.isAnswered = true;
    this.#told = error.status;
    if (this.stream.hasSentHeader) this.stream.sendTrailer(errorTrailer(error));
    else this.stream.sendHeader(header ?? errorHeader(error), { isEnd: true });
    this.session.sent(this);
    this.giveUp(error);
  }

  /** Gives back what is held of a message that will never be whole. */
  dropUnfinished(): void {
    this.#reader.drop();
  }

  /** Tells the handler that nobody waits for it any more. */
  giveUp(reason: RpcError = cancelled): void {
    this.dropUnfinished();
    this.#controller?.abort(reason);
    const onGivenUp = this.#onGivenUp;
    this.#onGivenUp = undefined;
    onGivenUp?.();
    this.#wakeReader();
    this.hasRoom();
  }

  /** What waited for the client was sent. */
  hasRoom(): void {
    const onRoom = this.#onRoom;
    this.#onRoom = undefined;
    onRoom?.();
  }

  #begin(): void {
    if (!this.stream.hasSentHeader) this.stream.sendHeader(responseHeader, { isEnd: false });
  }
}

/** Who gets the messages as they come. */
interface Receiver {
  readonly onRequest: OnRequest;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** It has not dealt with the last one yet. */
  isBusy: boolean;
}

/** A stream of answers to a single request that has none, or several, in the words of gRPC for Go. */
function wrongCount(what: string): RpcError {
  return new RpcError(status.INTERNAL, `cardinality violation: ${what} non-client-streaming RPC`);
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}
