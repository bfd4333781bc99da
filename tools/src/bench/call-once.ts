import { LoadConnection } from './load-connection.ts';

/** One call over a connection of its own. @throws Error when it cannot be made or is refused */
export function callOnce(options: {
  readonly endpoint: string;
  readonly path: string;
  readonly request: Uint8Array;
}): Promise<Uint8Array> {
  const { endpoint, path, request } = options;
  return new Promise((resolve, reject) => {
    LoadConnection.connect({ endpoint, path, onError: reject }).then(
      (connection) =>
        connection.unary(request, (message) => {
          resolve(Uint8Array.from(message));
          connection.close();
        }),
      reject,
    );
  });
}
