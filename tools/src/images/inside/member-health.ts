import { hostname } from 'node:os';
import { getHealth, type HealthTarget } from './get-health.ts';
import { argumentsOf } from './main-process.ts';
import { commandOf, memberDefaults, memberSetting } from './member-defaults.ts';
import type { Told } from './told.ts';

/**
 * Whether the member of this container can serve: it has a leader, no alarm, and commits. Resolves with what it says.
 *
 * @throws Error with the reason where it can not
 */
export async function health(
  told: Told = { args: argumentsOf('quorate'), env: process.env },
): Promise<string> {
  const command = commandOf(told);
  if (command !== undefined) return `quorate ${command} is no member: its health is not looked at\n`;
  return getHealth(await memberTarget(told));
}

/** Where a member that was told this is asked for its health. */
export async function memberTarget(told: Told): Promise<HealthTarget> {
  const file = memberSetting('config-file', told);
  const settings = file === undefined ? fromSettings(told) : await fromFile(file);
  // Where metrics are served apart, so is health, and mostly without TLS.
  const [listenUrl] = [...settings.metricsUrls, ...settings.clientUrls];
  if (listenUrl === undefined) throw new Error('the member listens nowhere');
  return { listenUrl, cert: settings.certFile, key: settings.keyFile };
}

interface Settings {
  readonly metricsUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
}

function fromSettings({ args, env }: Told): Settings {
  const told = { args, env: { ...env, ...memberDefaults({ args, env, hostName: hostname() }) } };
  return {
    metricsUrls: urlsIn(memberSetting('listen-metrics-urls', told)),
    clientUrls: urlsIn(memberSetting('listen-client-urls', told)),
    certFile: memberSetting('cert-file', told),
    keyFile: memberSetting('key-file', told),
  };
}

/** A configuration file has all settings, and takes the whole configuration to be read. */
async function fromFile(path: string): Promise<Settings> {
  const { loadConfig } = await import('@quorate/server/config');
  const { config } = loadConfig({ flags: new Map([['config-file', path]]), env: {} });
  const { listenMetricsUrls, listenClientUrls, certFile, keyFile } = config;
  return {
    metricsUrls: listenMetricsUrls,
    clientUrls: listenClientUrls,
    certFile: certFile === '' ? undefined : certFile,
    keyFile: keyFile === '' ? undefined : keyFile,
  };
}

function urlsIn(list: string | undefined): string[] {
  return list === undefined ? [] : list.split(',').map((url) => url.trim());
}
