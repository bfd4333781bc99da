import type { ByteString } from '../byte-string.ts';
import { allFlags, type Command } from './command.ts';
import type { FlagDefinition } from './flags.ts';

/** What this program calls itself, and the API it speaks. */
export interface ProgramVersion {
  readonly version: string;
  readonly apiVersion: string;
}

/** Columns begin at multiples of this. */
const tabWidth = 8;

/** The help of a command, laid out as etcdctl's. */
export function usageText(path: readonly Command[], version: ProgramVersion): ByteString {
  const command = path.at(-1);
  const root = path[0];
  if (command === undefined || root === undefined) return '';
  const name = path.slice(1).map((part) => part.name);
  const title = name.length === 0 ? root.name : name.join(' ');
  const isGroup = command.children !== undefined;
  const useParts = [...path.slice(0, -1).map((part) => part.name), command.use, '[flags]'];
  const sections = [
    `NAME:\n\t${title} - ${command.short}\n`,
    `USAGE:\n\t${useParts.join(' ')}\n`,
    ...(command === root ? [`VERSION:\n\t${version.version}\n`] : []),
    ...(isGroup ? [`API VERSION:\n\t${version.apiVersion}\n\n`] : []),
    ...(isGroup ? [`COMMANDS:\n${commandList(command, command === root)}`] : []),
    ...(command.long === undefined ? [] : [`DESCRIPTION:\n${indent(command.long)}\n`]),
    ...optionSections(path, title),
  ];
  return `${sections.join('\n')}\n`;
}

function commandList(command: Command, deep: boolean): string {
  const leaves = deep
    ? leafCommands(command)
    : (command.children ?? []).map((child) => [child.name, child.short]);
  const rows = leaves.map(([name = '', short = '']) => ({ cell: name, text: short }));
  rows.sort((a, b) => (a.cell < b.cell ? -1 : 1));
  return alignByTabs(rows)
    .map((line) => `\t${line}\n`)
    .join('');
}

function leafCommands(group: Command, prefix = ''): string[][] {
  return (group.children ?? []).flatMap((child) =>
    child.children === undefined
      ? [[`${prefix}${child.name}`, child.short]]
      : leafCommands(child, `${prefix}${child.name} `),
  );
}

function optionSections(path: readonly Command[], title: string): string[] {
  const command = path.at(-1);
  const own = [...(command?.flags ?? []), ...(path.length === 1 ? (command?.persistentFlags ?? []) : [])];
  const help: FlagDefinition = {
    name: 'help',
    shorthand: 'h',
    kind: 'bool',
    default: false,
    usage: `help for ${path.length === 1 ? title : (command?.name ?? '')}`,
  };
  const ownSection = `OPTIONS:\n${flagList([...own, help])}`;
  const inherited = allFlags(path).filter((flag) => !own.includes(flag));
  return inherited.length === 0 ? [ownSection] : [ownSection, `GLOBAL OPTIONS:\n${flagList(inherited)}`];
}

/** Flags with their defaults and what they are for, one a line, in the order of their names. */
export function flagList(flags: readonly FlagDefinition[]): string {
  const sorted = flags.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const rows = sorted.map((flag) => ({ cell: flagCell(flag), text: flag.usage }));
  return alignByTabs(rows)
    .map((line) => `${line}\n`)
    .join('');
}

/** A flag as help has it: its shorthand, its name and its default. */
export function flagCell(flag: FlagDefinition): string {
  const short = flag.shorthand === undefined ? '      ' : `  -${flag.shorthand}, `;
  return `${short}--${flag.name}${defaultText(flag)}`;
}

function defaultText(flag: FlagDefinition): string {
  switch (flag.kind) {
    case 'bool':
      return `[=${flag.default}]`;
    case 'string':
      return `="${flag.default}"`;
    case 'int64':
    case 'uint64':
      return `=${flag.default}`;
    case 'duration':
      return `=${flag.default / 1000}s`;
    case 'list':
      return `=[${flag.default.join(',')}]`;
  }
}

/** Puts tabs behind each cell, so that all texts begin at the same column. */
function alignByTabs(rows: readonly { readonly cell: string; readonly text: string }[]): string[] {
  const widest = Math.max(...rows.map((row) => row.cell.length));
  const column = Math.ceil((widest + 1) / tabWidth) * tabWidth;
  return rows.map(({ cell, text }) => {
    const tabs = Math.ceil((column - cell.length) / tabWidth);
    return `${cell}${'\t'.repeat(tabs)}${text}`;
  });
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `\t${line}\n`)
    .join('');
}
