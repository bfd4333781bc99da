import { readConfig } from '@quorate/gateway';
import { getHealth } from './get-health.ts';
import { argumentsOf } from './main-process.ts';
import type { MemberStart } from './member-health.ts';

/**
 * Whether the gateway of this container reaches a member that serves. Resolves with what it says.
 *
 * @throws Error with the reason where it does not
 */
export async function health(
  start: MemberStart = { args: argumentsOf('quorate-gateway'), env: process.env },
): Promise<string> {
  const config = readConfig(start.args, start.env);
  const listenUrl = config?.listenUrls[0];
  if (listenUrl === undefined) throw new Error('the gateway listens nowhere');
  return getHealth({ listenUrl, cert: config?.certFile, key: config?.keyFile });
}
