import type { MethodTable, StreamHandler } from '../transport.ts';

/** What an I/O thread has to know of a method: all but what it does. */
export interface MethodShape {
  readonly path: string;
  readonly kind: 'unary' | 'stream';
  readonly clientStreams: boolean;
  readonly serverStreams: boolean;
  /** As of a `Method`. */
  readonly isOpenEnded: boolean;
  /** It is no method of gRPC: bytes of HTTP/1 go through it, both ways. */
  readonly isTunnel: boolean;
}

/** What a tunnel leads to. */
export interface TunnelEnd {
  readonly scope: 'all' | 'metrics';
  /** Whether the connection has TLS, which ends in the thread. */
  readonly isEncrypted: boolean;
}

/** All tunnels there are. */
export const tunnelEnds: readonly TunnelEnd[] = [
  { scope: 'all', isEncrypted: false },
  { scope: 'all', isEncrypted: true },
  { scope: 'metrics', isEncrypted: false },
  { scope: 'metrics', isEncrypted: true },
];

/** The path of a tunnel; no method of gRPC has such a one. */
export function tunnelPath({ scope, isEncrypted }: TunnelEnd): string {
  return `${isEncrypted ? 'https' : 'http'}:${scope}`;
}

/** A method table with tunnels behind it, in an order that both threads know. */
export function shapesOf(methods: MethodTable): MethodShape[] {
  const shapes = [...methods].map(([path, method]) => ({
    path,
    kind: method.kind,
    clientStreams: method.kind === 'stream' && method.clientStreams,
    serverStreams: method.kind === 'stream' && method.serverStreams,
    isOpenEnded: method.kind === 'stream' && method.isOpenEnded === true,
    isTunnel: false,
  }));
  const tunnels = tunnelEnds.map((end) => ({
    path: tunnelPath(end),
    kind: 'stream' as const,
    clientStreams: true,
    serverStreams: true,
    isOpenEnded: false,
    isTunnel: true,
  }));
  return [...shapes, ...tunnels];
}

/** Answers what comes through a tunnel. */
export type ServeTunnel = (end: TunnelEnd) => StreamHandler;
