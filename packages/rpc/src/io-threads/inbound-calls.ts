import { Later } from '@quorate/std';
import { status, type StatusCode } from '../errors.ts';
import type { GrpcObserver } from '../grpc-server.ts';
import { isInternal, toRpcError } from '../status.ts';
import {
  isLater,
  type Message,
  type MethodTable,
  type StreamHandler,
  type UnaryHandler,
} from '../transport.ts';
import { HeadReader } from './call-head.ts';
import type { Channel, RecordFields } from './channel.ts';
import { InboundCall, InboundStreamCall, type Target } from './inbound-call.ts';
import { tunnelEnds, type ServeTunnel } from './methods.ts';
import { record } from './records.ts';

/**
 * Calls that came in through an I/O thread, on the thread of the member.
 *
 * Invariants: a call is in `#calls` until its handler is done; its end is sent once, whatever the client does.
 */
export class InboundCalls {
  readonly #channel: Channel;
  readonly #targets: readonly Target[];
  readonly #heads = new HeadReader();
  readonly #calls = new Map<number, InboundCall>();

  /** The order of the methods is that of `shapesOf`. */
  constructor(
    channel: Channel,
    options: {
      readonly methods: MethodTable;
      readonly observer: GrpcObserver;
      readonly serveTunnel: ServeTunnel;
    },
  ) {
    this.#channel = channel;
    const { methods, observer, serveTunnel } = options;
    const ofMember = [...methods].map(([path, method]) => ({ path, method, observer }));
    const tunnels = tunnelEnds.map((end) => tunnelTarget(serveTunnel(end)));
    this.#targets = [...ofMember, ...tunnels];
  }

  /** Takes a record of a call from the I/O thread. */
  receive(fields: RecordFields, bytes: Uint8Array): void {
    if (fields.kind === record.open) return this.#open(fields, bytes);
    const call = this.#calls.get(fields.call);
    if (fields.kind === record.cancel) return call?.cancel(toldIn(fields));
    if (!(call instanceof InboundStreamCall)) return;
    if (fields.kind === record.message) call.came(bytes);
    else if (fields.kind === record.taken) call.taken(fields.number);
    else if (fields.kind === record.halfClose) call.halfClose();
  }

  /** Nobody waits for any of them any more. */
  cancelAll(): void {
    for (const call of this.#calls.values()) call.cancel(undefined);
  }

  #open({ path, call: number, number: headLength }: RecordFields, bytes: Uint8Array): void {
    const target = this.#targets[path];
    if (target === undefined) return;
    const head = this.#heads.read(bytes.subarray(0, headLength));
    const { method, observer } = target;
    observer.onStarted?.(target.path, head.metadata('client-api-version') ?? '');
    if (method.kind === 'stream') {
      const call = new InboundStreamCall(this.#channel, { number, head, target });
      this.#calls.set(number, call);
      this.#runStream(call, method.handler);
    } else {
      const call = new InboundCall({ number, head, target });
      this.#calls.set(number, call);
      this.#runUnary(call, method.handler, bytes.subarray(headLength));
    }
  }

  #runUnary(call: InboundCall, handler: UnaryHandler, request: Uint8Array): void {
    call.target.observer.onReceived?.(call.target.path, request.length);
    try {
      const response = handler(request, call);
      if (response instanceof Later) {
        response.tell({
          onValue: (answer: Message) => this.#answer(call, answer),
          onError: (error) => this.#fail(call, error),
        });
      } else if (isLater(response)) {
        response.then(
          (answer) => this.#answer(call, answer),
          (error: unknown) => this.#fail(call, error),
        );
      } else this.#answer(call, response);
    } catch (error) {
      this.#fail(call, error);
    }
  }

  #runStream(call: InboundStreamCall, handler: StreamHandler): void {
    handler(call).then(
      () => {
        this.#channel.send({ kind: record.end, path: 0, call: call.number, number: status.OK });
        call.over();
        this.#done(call, status.OK);
      },
      (error: unknown) => {
        call.over();
        this.#fail(call, error);
      },
    );
  }

  #answer(call: InboundCall, response: Message): void {
    const fields = { kind: record.answer, path: 0, call: call.number, number: 0 };
    if (call.isCancelled) this.#channel.send(fields);
    else {
      call.target.observer.onSent?.(call.target.path, response.length);
      this.#channel.send(fields, undefined, response);
    }
    this.#done(call, status.OK);
  }

  #fail(call: InboundCall, error: unknown): void {
    const { observer, path } = call.target;
    if (isInternal(error)) observer.onInternalError?.(path, error);
    const { status: code, message } = toRpcError(error);
    const fields = { kind: record.end, path: 0, call: call.number, number: code };
    this.#channel.send(fields, Buffer.from(message));
    this.#done(call, code);
  }

  #done({ number, target, startedAtMs, told }: InboundCall, code: StatusCode): void {
    this.#calls.delete(number);
    const durationMs = performance.now() - startedAtMs;
    target.observer.onHandled?.({ path: target.path, status: told ?? code, durationMs });
  }
}

function toldIn({ number }: RecordFields): StatusCode | undefined {
  // The I/O thread sends none but those of gRPC.
  return number === status.OK ? undefined : (number as StatusCode);
}

/** Nobody is told of tunnels: who serves HTTP counts by himself. */
function tunnelTarget(handler: StreamHandler): Target {
  return {
    path: '',
    method: { kind: 'stream', clientStreams: true, serverStreams: true, handler },
    observer: {},
  };
}
