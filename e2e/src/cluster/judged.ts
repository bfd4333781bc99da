import type { Client } from '@quorate/client';
import type { Answer } from './recorder.ts';
import type { LoadRequest } from './call.ts';

/** What a client of a load speaks with: a member, or something in front of some. */
export interface LoadTarget {
  /** `host:port`, as this process reaches it. */
  readonly endpoint: string;
  /** How often it was started: what one process has answered binds no other. */
  readonly starts: number;
  /** Opens a connection that is not a gRPC client's. What is behind it may be another member at each call. */
  readonly dial?: () => LoadConnection;
}

/** A connection of a load. */
export interface LoadConnection extends AsyncDisposable {
  /** Carries out one request. @throws EtcdError as the client library does */
  ask(request: LoadRequest, options: { readonly timeoutMs: number }): Promise<Answer>;
}

/** A member whose story is told and compared. */
export interface JudgedMember extends LoadTarget {
  readonly name: string;
  readonly kind: 'quorate' | 'etcd';
  /** What it has logged in all its lives. */
  logs(): Promise<string>;
}

/** A cluster that can be judged once a load is over, however its members run. */
export interface JudgedCluster {
  /** All of them, those that are down as well. */
  readonly members: readonly JudgedMember[];
  client(members: readonly JudgedMember[]): Client;
  /** @throws Error with its last words when a member does not run */
  checkRunning(): void | Promise<void>;
}
