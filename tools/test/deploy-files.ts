import { readConfig } from '@quorate/gateway';
import { loadConfig, type ServerConfig } from '@quorate/server/config';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse } from 'yaml';

/** The root of the checkout. */
export const root = resolve(import.meta.dirname, '../..');

/** A file of the checkout, as text. */
export const textOf = (path: string): string => readFileSync(resolve(root, path), 'utf8');

/** A YAML file of the checkout, with merged entries (`<<`) where they belong. */
export const yamlOf = (path: string): unknown => parse(textOf(path), { merge: true });

/** What a member understands these variables as; whatever it would warn of is an error here. */
export function memberConfigOf(env: Readonly<Record<string, string>>): ServerConfig {
  const { config, warnings } = loadConfig({ flags: new Map(), env });
  if (warnings.length > 0) throw new Error(warnings.join('; '));
  return config;
}

/** Flags of the gateway, as its help lists them. */
export const gatewayFlags: ReadonlySet<string> = new Set(gatewayHelp().match(/(?<=--)[a-z][a-z-]+/g));

/** What a gateway understands these variables as; a variable that it does not know is an error here. */
export function gatewayConfigOf(env: Readonly<Record<string, string>>) {
  for (const name of Object.keys(env)) {
    const [, flag] = /^QUORATE_GATEWAY_(\w+)$/.exec(name) ?? [];
    if (flag !== undefined && !gatewayFlags.has(flag.toLowerCase().replaceAll('_', '-')))
      throw new Error(`the gateway has no flag for ${name}`);
  }
  const config = readConfig([], env);
  if (config === undefined) throw new Error('the gateway was not told to run');
  return config;
}

function gatewayHelp(): string {
  let help = '';
  readConfig(['--help'], {}, (text) => (help += text));
  return help;
}
