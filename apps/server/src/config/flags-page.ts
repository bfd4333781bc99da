import { envNameOf } from './load.ts';
import { configKeys, goneFlags, legacyFlags, metaOf, type ConfigKey } from './schema.ts';

const sections = {
  member: 'Member',
  clustering: 'Clustering',
  security: 'Security',
  logging: 'Logging and metrics',
  behaviour: 'Behaviour',
  experimental: 'Experimental',
} as const;

/** The page of all flags, in Markdown, made of the schema. */
export function flagsPage(): string {
  const tables = Object.entries(sections).map(([section, title]) => {
    const keys = configKeys.filter((key) => metaOf(key).section === section);
    return [`## ${title}`, '', ...tableOf(keys), ''];
  });
  return [...introduction(), ...tables.flat(), ...endOfPage()].join('\n');
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

function tableOf(keys: readonly ConfigKey[]): string[] {
  return [
    '| flag | env | default | meaning | state |',
    '| --- | --- | --- | --- | --- |',
    ...keys.map(rowOf),
  ];
}

function rowOf(key: ConfigKey): string {
  const { flag, defaultText, description, choices, experimental, own } = metaOf(key);
  const words = choices === undefined ? '' : ` One of ${choices.map(code).join(', ')}.`;
  const cells = [
    `${code(`--${flag}`)}${experimental === true ? ' ¹' : ''}${own === true ? ' ²' : ''}`,
    code(envNameOf(flag)),
    defaultText === '' ? '' : code(defaultText),
    `${description}${words}`,
    stateOf(key),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

function stateOf(key: ConfigKey): string {
  const { notBuilt, ignored, refused } = metaOf(key);
  if (refused !== undefined) return `refused: ${refused}`;
  if (notBuilt !== undefined) return `not yet: ${notBuilt}`;
  return ignored === undefined ? 'works' : `ignored: ${ignored}`;
}

function endOfPage(): string[] {
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

function code(text: string): string {
  return `\`${text}\``;
}
