import type { Clock } from '@quorate/std';
import type { ClientTls } from '@quorate/tls';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { HostPort } from './tcp-gateway-options.ts';

export interface DialOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A connection to that place, of which nothing has been read yet. @throws why there is none */
export function dial(place: HostPort, options: DialOptions): Promise<Socket> {
  const { host, port } = place;
  return opened(connect({ host, port, allowHalfOpen: true }), 'connect', options);
}

/** Sees whether who answers there has a certificate that is trusted, and hangs up. @throws why not */
export async function prove(
  { host, port }: HostPort,
  { tls, serverName = host, ...options }: DialOptions & { tls: ClientTls; serverName?: string | undefined },
): Promise<void> {
  const socket = connectTls({ host, port, ...tls.connectOptions(serverName) });
  const proven = await opened(socket, 'secureConnect', options);
  proven.destroy();
}

/** The socket, once that event has come. It still has a listener for errors then, so that none is thrown at nobody. */
function opened(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  { timeoutMs, clock, signal }: DialOptions,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const onAbort = (): void => fail(signal.reason);
    const timer = clock.after(timeoutMs, () => fail(new Error(`no answer within ${timeoutMs} ms`)));
    socket.on('error', fail);
    socket.once('close', () => fail(new Error('the connection was closed')));
    socket.once(event, () => {
      settle();
      resolve(socket);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Errors that say nothing of the other side: this machine has run out of something. */
const localCodes = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

/** Whether a connection failed for want of something here. */
export function isLocal(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && localCodes.has(String(error.code));
}
