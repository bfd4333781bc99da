import {
  type ServerInterceptingCallInterface,
  type ServerInterceptor,
  type ServerMethodDefinition,
  status,
} from '@grpc/grpc-js';

/**
 * Takes unary calls as etcd does, whatever the number of their requests: the first one is answered, and what follows it is
 * nobody's; a call without any is told so.
 */
function takeFirstRequest(
  method: ServerMethodDefinition<unknown, unknown>,
  call: ServerInterceptingCallInterface,
): ServerInterceptingCallInterface {
  if (method.requestStream || method.responseStream) return call;
  const start = call.start.bind(call);
  // grpc-js's own `ServerInterceptingCall` would wait for ever with the end of a call of which it has kept a message back.
  call.start = (listener) => {
    let hasRequest = false;
    start({
      onReceiveMetadata: (metadata) => listener.onReceiveMetadata(metadata),
      onReceiveMessage: (message) => {
        if (hasRequest) return call.startRead();
        hasRequest = true;
        listener.onReceiveMessage(message);
      },
      onReceiveHalfClose: () => {
        if (hasRequest) listener.onReceiveHalfClose();
        else call.sendStatus({ code: status.UNKNOWN, details: 'EOF' });
      },
      onCancel: () => listener.onCancel(),
    });
  };
  return call;
}

/** Its type says a class where grpc-js takes whatever has the interface. */
export const firstRequestOnly = takeFirstRequest as ServerInterceptor;
