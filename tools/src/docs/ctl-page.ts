import type { Command } from '@quorate/ctl/src/cli/command.ts';
import type { FlagDefinition } from '@quorate/ctl/src/cli/flags.ts';
import { environmentName, globalFlags } from '@quorate/ctl/src/cli/global-flags.ts';
import { rootCommand } from '@quorate/ctl/src/commands.ts';
import { code, plain, table } from './tables.ts';

/** The page of all commands of quoratectl with their flags, made of the tree that the program runs. */
export function ctlPage(): string {
  const commands = leavesOf(rootCommand, []);
  return [
    '# Commands of quoratectl',
    '',
    'Made of the commands of the program itself. A name may be cut short as long as it is clear: `quoratectl mem l` is',
    '`quoratectl member list`. Flags and arguments come in any order; behind `--` all are arguments. Guides, exit codes and what',
    'differs from etcdctl stand in the [README](/packages/ctl/).',
    '',
    '## All commands',
    '',
    table(
      ['command', 'what it does'],
      commands.map(({ path, command }) => [
        `[${code(path.join(' '))}](#${path.join('-')})`,
        plain(sentence(command.short)),
      ]),
    ),
    '',
    '## Global flags',
    '',
    'Every command takes these, and each has a variable of the environment. A flag goes before its variable, and a variable before',
    'the context.',
    '',
    table(
      ['flag', 'variable', 'default', 'meaning'],
      globalFlags.map((flag) => [
        nameOf(flag),
        code(environmentName(flag)),
        defaultOf(flag),
        plain(sentence(flag.usage)),
      ]),
    ),
    '',
    ...commands.flatMap(({ path, command, flags }) => section(path, command, flags)),
  ].join('\n');
}

interface Leaf {
  readonly path: readonly string[];
  readonly command: Command;
  /** Its own, and those of its groups but for the program's. */
  readonly flags: readonly FlagDefinition[];
}

function leavesOf(
  group: Command,
  path: readonly string[],
  inherited: readonly FlagDefinition[] = [],
): Leaf[] {
  return (group.children ?? [])
    .flatMap((child) => {
      const childPath = [...path, child.name];
      if (child.children === undefined)
        return [{ path: childPath, command: child, flags: [...(child.flags ?? []), ...inherited] }];
      return leavesOf(child, childPath, [...inherited, ...(child.persistentFlags ?? [])]);
    })
    .toSorted((a, b) => (a.path.join(' ') < b.path.join(' ') ? -1 : 1));
}

function section(path: readonly string[], command: Command, flags: readonly FlagDefinition[]): string[] {
  const groups = path.slice(0, -1);
  return [
    `## ${path.join(' ')}`,
    '',
    plain(sentence(command.short)),
    '',
    '```text',
    ['quoratectl', ...groups, command.use].join(' '),
    '```',
    '',
    ...(command.long === undefined ? [] : ['```text', command.long, '```', '']),
    ...(flags.length === 0
      ? []
      : [
          table(
            ['flag', 'default', 'meaning'],
            flags.map((flag) => [nameOf(flag), defaultOf(flag), plain(sentence(flag.usage))]),
          ),
          '',
        ]),
  ];
}

function nameOf({ name, shorthand }: FlagDefinition): string {
  return shorthand === undefined ? code(`--${name}`) : `${code(`--${name}`)}, ${code(`-${shorthand}`)}`;
}

function defaultOf(flag: FlagDefinition): string {
  switch (flag.kind) {
    case 'duration':
      return code(`${flag.default / 1000}s`);
    case 'list':
      return code(flag.default.join(','));
    case 'bool':
      return flag.default ? code('true') : '';
    case 'int64':
    case 'uint64':
      return code(`${flag.default}`);
    case 'string':
      return code(flag.default);
  }
}

/** The text with a capital and a full stop. */
function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.)!?]$/.test(capital) ? capital : `${capital}.`;
}
