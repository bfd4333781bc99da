import type { Socket } from 'node:net';

/** Part of what reads and writes for a socket: of the system's, or of TLS. */
interface Handle {
  readStop?(): unknown;
  readStart?(): unknown;
}

/**
 * Stops reading of a socket at once, also in the middle of what just comes: Node reads up to two megabytes of one
 * connection before the next has its turn, and HTTP/2 takes them in without asking the socket above. Node's own
 * way to it is `_handle`; without one, a socket is read as ever.
 */
export function stopReading(socket: Pick<Socket, 'bytesRead'> | undefined): void {
  handleOf(socket)?.readStop?.();
}

/** Goes on with it; harmless when it was not stopped, or is closed. */
export function startReading(socket: Pick<Socket, 'bytesRead'> | undefined): void {
  handleOf(socket)?.readStart?.();
}

function handleOf(socket: object | undefined): Handle | null | undefined {
  // No type has it: it is Node's own.
  return (socket as { readonly _handle?: Handle | null } | undefined)?._handle;
}
