import { bytesOfText, type ByteString } from '../byte-string.ts';
import type { FlagDefinition, Flags } from '../cli/flags.ts';
import { globalFlags } from '../cli/global-flags.ts';

/** What a context may hold: the global flags, but for those about one run of the program. */
export const settingFlags: readonly FlagDefinition[] = globalFlags.filter(
  ({ name }) => name !== 'context' && name !== 'debug',
);

/** Settings that nobody should read; `user` is one, too, where a password follows the name. */
export const secretSettings: ReadonlySet<string> = new Set(['password', 'auth-jwt-token']);

/** Settings that hold the path of a file. */
export const fileSettings: ReadonlySet<string> = new Set(['cacert', 'cert', 'key']);

/** A setting as YAML has it. */
export type Setting = boolean | string | readonly string[];

/**
 * Settings that mean something together. When the command line or the environment has one of the first ones, a
 * context adds none of the group: who we are, where members are, and a certificate with its key are not mixed from
 * two sources. A password alone is one for the context's user.
 */
const groups: readonly { readonly decided: readonly string[]; readonly all: readonly string[] }[] = [
  { decided: ['user', 'auth-jwt-token'], all: ['user', 'password', 'auth-jwt-token'] },
  { decided: ['password'], all: ['password', 'auth-jwt-token'] },
  {
    decided: ['endpoints', 'discovery-srv'],
    all: ['endpoints', 'discovery-srv', 'discovery-srv-name'],
  },
  { decided: ['cert', 'key'], all: ['cert', 'key'] },
];

/** Sets flags from a context that neither the command line nor the environment has set. @throws FlagError */
export function applySettings(flags: Flags, settings: ReadonlyMap<string, Setting>): void {
  const decided = groups.filter((group) => group.decided.some((name) => flags.isSet(name)));
  const leftOut = new Set(decided.flatMap(({ all }) => all));
  const wanted = settingFlags.filter(({ name }) => !flags.isSet(name) && !leftOut.has(name));
  for (const flag of wanted) {
    const setting = settings.get(flag.name);
    if (setting !== undefined) flags.set(flag, flagText(setting));
  }
}

/** What to write after `--name=` for a setting. */
export function flagText(setting: Setting): ByteString {
  if (typeof setting === 'boolean') return `${setting}`;
  return bytesOfText(typeof setting === 'string' ? setting : setting.join(','));
}
