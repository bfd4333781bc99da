import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import { ProtobufMessage as Message } from './protobuf-message.ts';

/** A span as it came over the wire. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 is internal, 2 a server's. */
  readonly kind: number;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly status: { readonly code: number; readonly message: string };
  readonly resource: Readonly<Record<string, string | number>>;
}

/** What stands in for a collector: takes exports over OTLP and gRPC, and keeps the spans. */
export class OtlpCollector implements AsyncDisposable {
  readonly spans: CollectedSpan[] = [];
  readonly address: string;
  readonly #server: Server;

  static async open({ refuses = false }: { readonly refuses?: boolean } = {}): Promise<OtlpCollector> {
    const server = new Server();
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    return new OtlpCollector(server, { port, refuses });
  }

  private constructor(
    server: Server,
    { port, refuses }: { readonly port: number; readonly refuses: boolean },
  ) {
    this.#server = server;
    this.address = `127.0.0.1:${port}`;
    const asIs = (bytes: Buffer): Buffer => bytes;
    const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
    const codec = {
      ...{ requestSerialize: asIs, requestDeserialize: asIs },
      ...{ responseSerialize: asIs, responseDeserialize: asIs },
    };
    server.addService(
      { Export: { path, requestStream: false, responseStream: false, ...codec } },
      {
        // The deserializer above hands the bytes on.
        Export: (call: { request: Buffer }, answer: (error: object | null, response?: Buffer) => void) => {
          if (refuses) return answer({ code: status.INVALID_ARGUMENT, details: 'no traces here' });
          this.spans.push(...spansIn(call.request));
          answer(null, Buffer.alloc(0));
        },
      },
    );
  }

  named(name: string): CollectedSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.forceShutdown();
    await Promise.resolve();
  }
}

/** opentelemetry/proto/collector/trace/v1: resources hold scopes, scopes hold spans. */
function spansIn(request: Buffer): CollectedSpan[] {
  return Message.of(request)
    .messages(1)
    .flatMap((ofResource) => {
      const resource = attributesOf(ofResource.messages(1)[0]?.messages(1) ?? []);
      return ofResource
        .messages(2)
        .flatMap((ofScope) => ofScope.messages(2))
        .map((span) => ({
          traceId: span.hex(1),
          spanId: span.hex(2),
          parentSpanId: span.hex(4),
          name: span.text(5),
          kind: Number(span.integer(6)),
          startNs: span.integer(7),
          endNs: span.integer(8),
          attributes: attributesOf(span.messages(9)),
          status: {
            code: Number(span.messages(15)[0]?.integer(3) ?? 0n),
            message: span.messages(15)[0]?.text(2) ?? '',
          },
          resource,
        }));
    });
}

function attributesOf(pairs: readonly Message[]): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [value] = pair.messages(2);
      const isText = value?.has(1) === true;
      return [pair.text(1), isText ? value.text(1) : Number(value?.integer(3) ?? 0n)];
    }),
  );
}
