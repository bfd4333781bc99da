import type { Clock } from '@quorate/std';
import type { IncomingMessage } from 'node:http';
import type { RestBackend } from './backend.ts';
import type { OpenCall } from './call.ts';
import type { Route } from './routes.ts';
import { code, toRestError, type RestError } from './status.ts';

/** How a surface answers, with nothing left out. */
export interface RestSettings {
  readonly backend: RestBackend;
  readonly maxMessageBytes: number;
  readonly maxStreams: number;
  readonly stallTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly version: string;
  readonly clock: Clock;
  readonly onInternalError: (path: string, error: unknown) => void;
}

/** A request for a route, about to be answered. */
export interface Exchange {
  readonly route: Route;
  readonly request: IncomingMessage;
  readonly call: OpenCall;
  readonly settings: RestSettings;
  /** What stands behind the path. */
  readonly query: URLSearchParams;
}

/** What a failure is to the client; what it is not told, the owner is. */
export function failureOf(
  error: unknown,
  { route, call, settings }: Omit<Exchange, 'request' | 'query'>,
): RestError {
  const failure = toRestError(error);
  if (failure.status === code.INTERNAL && !call.signal.aborted) {
    settings.onInternalError(route.path, failure.cause ?? error);
  }
  return failure;
}
