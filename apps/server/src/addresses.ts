import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { ConfigError } from './config/errors.ts';

/** What `net.listen` takes. */
export type Address =
  { readonly host: string; readonly port: number; readonly reusePort?: boolean } | { readonly path: string };

/** How addresses are listened on. */
export interface SocketOptions {
  /** Whether others may listen there, too. Of no meaning for socket files. */
  readonly reusePort?: boolean;
}

/** Where a listen URL listens: `unix://path` and `unixs://path` at a socket file, everything else at host and port. */
export function addressOf(url: string): Address {
  const path = /^unixs?:\/\/(.*)$/i.exec(url)?.[1];
  if (path !== undefined) return { path };
  const { hostname } = new URL(url);
  // Not `URL.port`: that is empty for the port 80.
  const port = Number(/:(\d+)$/.exec(url)?.[1]);
  return { host: hostname.replace(/^\[|\]$/g, ''), port };
}

/**
 * Listens on each URL in turn.
 *
 * @throws ConfigError that names the flag and the URL where that fails
 */
export async function listenOn<T>(
  flag: string,
  urls: readonly string[],
  listen: (address: Address, url: string) => Promise<T>,
  { reusePort = false }: SocketOptions = {},
): Promise<T[]> {
  const listening: T[] = [];
  for (const url of urls) {
    try {
      const address = addressOf(url);
      if ('path' in address) await removeStaleSocket(address.path);
      listening.push(await listen(reusePort && 'port' in address ? { ...address, reusePort } : address, url));
    } catch (error) {
      throw new ConfigError(`${flag}: cannot listen on ${url} (${reasonOf(error)})`, { cause: error });
    }
  }
  return listening;
}

/** Removes the socket file that a killed process has left; one that somebody answers on stays. */
async function removeStaleSocket(path: string): Promise<void> {
  const isSocket = await lstat(path).then(
    (stats) => stats.isSocket(),
    () => false,
  );
  if (!isSocket) return;
  const isAnswered = await new Promise<boolean>((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (!isAnswered) await unlink(path);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isTaken = 'code' in error && error.code === 'EADDRINUSE';
  return isTaken ? 'another process listens there' : error.message;
}
