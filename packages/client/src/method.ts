import type { rpcpb } from '@quorate/wire';
import type { Connections } from './connections.ts';
import type { CallOptions } from './options.ts';

/** What the generated code knows of a method. */
interface MethodDefinition<Request, Response> {
  readonly name: string;
  readonly requestType: rpcpb.MessageFns<Request>;
  readonly responseType: rpcpb.MessageFns<Response>;
}

/** A unary call of etcd's API: fields left out of a request are zero, as in protobuf. */
export type UnaryMethod<Request, Response> = (
  request: Partial<Request>,
  options?: CallOptions,
) => Promise<Response>;

/**
 * The typed call behind a method. A `repeatable` one changes nothing, and is asked again when a member answers
 * UNAVAILABLE.
 */
export function unaryMethod<Request, Response>(
  connections: Connections,
  service: { readonly fullName: string },
  method: MethodDefinition<Request, Response>,
  { repeatable }: { readonly repeatable: boolean },
): UnaryMethod<Request, Response> {
  const path = methodPath(service, method);
  return async (request, options) => {
    const bytes = encodeMessage(method.requestType, request);
    return method.responseType.decode(await connections.unary(path, bytes, { ...options, repeatable }));
  };
}

/** `/etcdserverpb.KV/Range`, as HTTP/2 wants it. */
export function methodPath(
  service: { readonly fullName: string },
  method: { readonly name: string },
): string {
  return `/${service.fullName}/${method.name}`;
}

/** Bytes of a message given in part. */
export function encodeMessage<Message>(
  type: rpcpb.MessageFns<Message>,
  message: Partial<Message>,
): Uint8Array {
  return type.encode({ ...type.create(), ...message }).finish();
}
