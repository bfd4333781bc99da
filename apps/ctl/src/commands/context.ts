import { resolve } from 'node:path';
import { bytesOfText, textOf, type ByteString } from '../byte-string.ts';
import type { Context } from '../cli/context.ts';
import type { Flags } from '../cli/flags.ts';
import { contextFilePath, homeless } from '../contexts/context-file.ts';
import { ContextStore, settingsYaml, type Settings } from '../contexts/context-store.ts';
import { fileSettings, flagText, secretSettings, settingFlags, type Setting } from '../contexts/settings.ts';
import { ExitError } from '../exit.ts';
import { formatDuration } from '../go/duration.ts';
import type { JsonValue } from '../go/json.ts';
import type { Printout } from '../print/printout.ts';
import { table } from '../print/table.ts';
import { argumentsOf } from './arguments.ts';

/** Lists the contexts there are, the current one marked. */
export async function contextList(context: Context): Promise<void> {
  argumentsOf(context, 0, 'context list command accepts no arguments');
  context.prepareOffline();
  context.print(listPrintout(ContextStore.read(fileOf(context))));
}

/** Makes a context the current one, or with `--none` none. */
export async function contextUse(context: Context): Promise<void> {
  const none = context.flags.bool('none');
  const complaint = 'context use command needs the name of a context, or --none';
  const [name] = none ? argumentsOf(context, 0, complaint) : argumentsOf(context, 1, complaint);
  await ContextStore.change(fileOf(context), (store) =>
    store.use(name === undefined ? undefined : textOf(name)),
  );
  context.printText(name === undefined ? 'No context is current now\n' : `Context ${name} is current now\n`);
}

/** Keeps the global flags given under a name. */
export async function contextAdd(context: Context): Promise<void> {
  const [name] = argumentsOf(
    context,
    1,
    'context add command needs the name of the context, and flags to keep in it',
  );
  const { flags } = context;
  const settings = givenSettings(flags);
  await ContextStore.change(fileOf(context), (store) => {
    store.add(textOf(name), settings, { replace: flags.bool('force') });
    if (flags.bool('use')) store.use(textOf(name));
  });
  context.printText(`Context ${name} saved${flags.bool('use') ? ', and current now' : ''}\n`);
}

/** Removes a context. */
export async function contextRemove(context: Context): Promise<void> {
  const [name] = argumentsOf(context, 1, 'context remove command needs the name of a context');
  await ContextStore.change(fileOf(context), (store) => store.remove(textOf(name)));
  context.printText(`Context ${name} removed\n`);
}

/** Prints what a context holds, the current one without an argument; secrets are not shown. */
export async function contextShow(context: Context): Promise<void> {
  if (context.args.length > 1)
    throw new ExitError('badArguments', 'context show command accepts one name at most');
  context.prepareOffline();
  const store = ContextStore.read(fileOf(context));
  const [name = currentOf(context, store)] = context.args.map(textOf);
  const settings = withoutSecrets(store.settings(name));
  context.print({ simple: () => settingsYaml(settings), json: () => settingsJson(settings) });
}

/** Prints the name of the context that commands use here. */
export async function contextCurrent(context: Context): Promise<void> {
  argumentsOf(context, 0, 'context current command accepts no arguments');
  context.prepareOffline();
  context.printText(`${bytesOfText(currentOf(context, ContextStore.read(fileOf(context))))}\n`);
}

/** What `--context` and the environment choose, or else the file. @throws ExitError when none does */
function currentOf({ flags }: Context, store: ContextStore): string {
  const name = flags.isSet('context') ? textOf(flags.string('context')) : store.current;
  if (name !== undefined && name !== '') return name;
  throw new ExitError('error', 'no context is current: choose one by quoratectl context use NAME');
}

function fileOf({ terminal }: Context): string {
  const path = contextFilePath(terminal.env);
  if (path === undefined) throw homeless();
  return path;
}

/** The global flags of the command line, as settings. A password is kept only when the user insists. */
function givenSettings(flags: Flags): Settings {
  const settings = new Map<string, Setting>();
  for (const flag of settingFlags)
    if (flags.isSet(flag.name)) settings.set(flag.name, settingOf(flags, flag));
  if (settings.size === 0)
    throw new ExitError(
      'badArguments',
      'a context without settings is of no use: give --endpoints, for example',
    );
  const secret = [...settings.keys()].find((name) => isSecret(name, settings));
  if (secret !== undefined && !flags.bool('store-password')) {
    const reason = `--${secret} would be kept in clear in a file`;
    const remedy = 'leave it out (a password is asked for when it is needed), or insist by --store-password';
    throw new ExitError('badArguments', `${reason}: ${remedy}`);
  }
  return settings;
}

function isSecret(name: string, settings: Settings): boolean {
  return secretSettings.has(name) || (name === 'user' && String(settings.get('user')).includes(':'));
}

function settingOf(flags: Flags, { name, kind }: (typeof settingFlags)[number]): Setting {
  switch (kind) {
    case 'bool':
      return flags.bool(name);
    case 'list':
      return flags.list(name).map(textOf);
    case 'duration':
      return formatDuration(BigInt(Math.round(flags.durationMs(name) * 1e6)));
    case 'int64':
    case 'uint64':
      throw new TypeError(`a context cannot hold the number ${name}`);
    case 'string': {
      const text = textOf(flags.string(name));
      // The context is used from any folder.
      return fileSettings.has(name) && text !== '' ? resolve(text) : text;
    }
  }
}

/** For eyes: a password is there, and is not told. */
function withoutSecrets(settings: Settings): Settings {
  const hidden = '(stored, not shown)';
  return new Map(
    [...settings].map(([name, setting]) => {
      if (secretSettings.has(name)) return [name, hidden];
      return [name, name === 'user' ? flagTextWithoutPassword(setting) : setting];
    }),
  );
}

function flagTextWithoutPassword(setting: Setting): string {
  return String(setting).replace(/:[^]*$/, ':(stored, not shown)');
}

function listPrintout(store: ContextStore): Printout {
  const rows = store.names.map((name) => {
    const settings = store.settings(name);
    const user = String(settings.get('user') ?? '').replace(/:[^]*$/, '');
    const where = flagText(settings.get('endpoints') ?? settings.get('discovery-srv') ?? '');
    return { name, isCurrent: name === store.current, endpoints: textOf(where), user };
  });
  return {
    simple: () => rows.map((row) => simpleLine(row)).join(''),
    json: () =>
      rows.map(({ name, isCurrent, endpoints, user }) => ({ name, current: isCurrent, endpoints, user })),
    table: () =>
      table(
        ['current', 'name', 'endpoints', 'user'],
        rows.map(({ name, isCurrent, endpoints, user }) => [isCurrent ? '*' : '', name, endpoints, user]),
      ),
  };
}

function simpleLine(row: {
  readonly name: string;
  readonly isCurrent: boolean;
  readonly endpoints: string;
  readonly user: string;
}): ByteString {
  const parts = [row.name, row.endpoints, row.user].filter((part) => part !== '');
  return bytesOfText(`${row.isCurrent ? '*' : ' '} ${parts.join(', ')}\n`);
}

function settingsJson(settings: Settings): JsonValue {
  return Object.fromEntries(
    [...settings].map(([name, setting]) => [name, typeof setting === 'object' ? [...setting] : setting]),
  );
}
