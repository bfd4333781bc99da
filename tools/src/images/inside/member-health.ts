import { isCommand, loadConfig, parseCommandLine } from '@quorate/server/config';
import { hostname } from 'node:os';
import { getHealth } from './get-health.ts';
import { argumentsOf } from './main-process.ts';
import { memberDefaults } from './member-defaults.ts';

/** What says how a member was started. */
export interface MemberStart {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Whether the member of this container can serve: has a leader, no alarm, and commits. Resolves with what it says.
 *
 * @throws Error with the reason where it can not
 */
export async function health(
  start: MemberStart = { args: argumentsOf('quorate'), env: process.env },
): Promise<string> {
  const { args, env } = start;
  if (isCommand(args[0])) return `this is no member but quorate ${args[0]}, which is not looked at\n`;
  const commandLine = parseCommandLine(args);
  if (commandLine.action !== 'run') throw new Error('quorate was not told to run');
  const defaults = memberDefaults({ args, env, hostName: hostname() });
  const { config } = loadConfig({ flags: commandLine.flags, env: { ...env, ...defaults } });
  // Where metrics are served apart, so is health, and mostly without TLS.
  const [listenUrl] = [...config.listenMetricsUrls, ...config.listenClientUrls];
  if (listenUrl === undefined) throw new Error('the member listens nowhere');
  return getHealth({ listenUrl, cert: given(config.certFile), key: given(config.keyFile) });
}

function given(path: string): string | undefined {
  return path === '' ? undefined : path;
}
