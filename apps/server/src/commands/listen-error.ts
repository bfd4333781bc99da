import { ConfigError } from '../config/errors.ts';

/**
 * What went wrong at a start: an address that cannot be listened on becomes a sentence that names the flag; all else stays
 * as it is.
 */
export function withListenFlag(error: unknown, flag: string): unknown {
  if (!(error instanceof Error) || !('syscall' in error)) return error;
  const isOfAddress = error.syscall === 'listen' || error.syscall === 'getaddrinfo';
  return isOfAddress ? new ConfigError(`${flag}: ${error.message}`, { cause: error }) : error;
}
