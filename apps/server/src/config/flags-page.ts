import { flagsOf, type FlagSet } from '../commands/flag-set.ts';
import { gatewayFlags } from '../commands/gateway-flags.ts';
import { grpcProxyFlags } from '../commands/grpc-proxy-flags.ts';
import type { z } from 'zod';
import type { FieldMeta } from './field.ts';
import { envNameOf } from './load.ts';
import { configKeys, goneFlags, legacyFlags, metaOf } from './schema.ts';

const sections = {
  member: 'Member',
  clustering: 'Clustering',
  security: 'Security',
  logging: 'Logging and metrics',
  behaviour: 'Behaviour',
  experimental: 'Experimental',
} as const;

/** The page of all flags, in Markdown, made of the schemas. */
export function flagsPage(): string {
  const metas = configKeys.map(metaOf);
  const tables = Object.entries(sections).map(([section, title]) => {
    const rows = metas.filter((meta) => meta.section === section);
    return [`## ${title}`, '', ...tableOf(rows, memberColumns), ''];
  });
  return [
    ...introduction(),
    ...tables.flat(),
    ...oldFlags(),
    ...commands(),
    ...commandTables(gatewayFlags),
    ...commandTables(grpcProxyFlags),
  ].join('\n');
}

function introduction(): string[] {
  return [
    '# Flags of `quorate`',
    '',
    'Made of the schema in `apps/server/src/config` by `npm run generate:flags`: change it there.',
    '',
    'Flags, environment variables and the keys of the config file are those of etcd 3.6 and later. `--name value`,',
    '`--name=value` and the same with one dash are equal; a boolean alone is true. A flag and its variable may not both be',
    'given. With `--config-file` (or `ETCD_CONFIG_FILE`), YAML or JSON with the names of flags as keys, all other flags and',
    'variables are ignored. Durations are written as `500ms`, `10s`, `1h30m`, in a file also as nanoseconds.',
    '',
    'The state of a flag is one of four:',
    '',
    '- **works**: it does what it says;',
    '- **ignored**: it is taken for the sake of what starts etcd today, and there is nothing here that it would change;',
    '- **not yet**: its default is taken, and any other value is refused with a sentence that names the flag;',
    '- **refused**: the same, for good.',
    '',
    'Flags marked ¹ are also taken under the name they had up to etcd 3.6, `--experimental-…` (`ETCD_EXPERIMENTAL_…`).',
    'Those marked ² are of Quorate alone.',
    '',
    '| flag | env | default | meaning | state |',
    '| --- | --- | --- | --- | --- |',
    '| `--config-file` | `ETCD_CONFIG_FILE` |  | YAML or JSON file with these settings. | works |',
    '| `--version` |  |  | Print the version and exit. | works |',
    '| `--help` |  |  | Print all flags and exit. | works |',
    '',
  ];
}

/** The cells of a row, by the titles of their columns. */
type Columns = Readonly<Record<string, (meta: FieldMeta) => string>>;

const flagColumn: Columns = {
  flag: ({ flag, experimental, own }) =>
    `${code(`--${flag}`)}${experimental === true ? ' ¹' : ''}${own === true ? ' ²' : ''}`,
};
const otherColumns: Columns = {
  default: ({ defaultText }) => (defaultText === '' ? '' : code(defaultText)),
  meaning: ({ description, choices }) =>
    choices === undefined ? description : `${description} One of ${choices.map(code).join(', ')}.`,
  state: stateOf,
};
const commandColumns: Columns = { ...flagColumn, ...otherColumns };
const memberColumns: Columns = {
  ...flagColumn,
  env: ({ flag }) => code(envNameOf(flag)),
  ...otherColumns,
};

function tableOf(metas: readonly FieldMeta[], columns: Columns): string[] {
  const row = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const titles = Object.keys(columns);
  return [
    row(titles),
    row(titles.map(() => '---')),
    ...metas.map((meta) => row(Object.values(columns).map((cellOf) => cellOf(meta)))),
  ];
}

function stateOf({ notBuilt, ignored, refused }: FieldMeta): string {
  if (refused !== undefined) return `refused: ${refused}`;
  if (notBuilt !== undefined) return `not yet: ${notBuilt}`;
  return ignored === undefined ? 'works' : `ignored: ${ignored}`;
}

function oldFlags(): string[] {
  return [
    '## Of old versions',
    '',
    `Taken and ignored, as etcd does: ${legacyFlags.map((flag) => code(`--${flag}`)).join(', ')}.`,
    '',
    `Gone since etcd 3.6, and refused by name: ${Object.keys(goneFlags)
      .map((flag) => code(`--${flag}`))
      .join(', ')}.`,
    '',
  ];
}

function commands(): string[] {
  return [
    '# Flags of commands',
    '',
    '`quorate gateway start` and `quorate grpc-proxy start` take flags of their own, `--name value` or `--name=value` with two',
    'dashes. As in etcd, no variable of the environment and no file stands for them. A list may be given in several pieces:',
    '`--endpoints a:2379 --endpoints b:2379`.',
    '',
  ];
}

function commandTables(set: FlagSet<z.ZodObject>): string[] {
  return [`## quorate ${set.name}`, '', set.summary, '', ...tableOf(flagsOf(set.schema), commandColumns), ''];
}

function code(text: string): string {
  return `\`${text}\``;
}
