import { describe, expect, test } from 'vitest';
import { findCommand, similarNames } from '../src/cli/command.ts';
import { Flags, type FlagDefinition } from '../src/cli/flags.ts';
import { usageText } from '../src/cli/usage.ts';
import { rootCommand } from '../src/commands.ts';
import { words } from '../src/words.ts';

const definitions: readonly FlagDefinition[] = [
  { name: 'yes', shorthand: 'y', kind: 'bool', default: false, usage: '' },
  { name: 'out', shorthand: 'o', kind: 'string', default: 'none', usage: '' },
  { name: 'count', kind: 'int64', default: 0n, usage: '' },
  { name: 'wait', kind: 'duration', default: 1000, usage: '' },
  { name: 'list', kind: 'list', default: ['a'], usage: '' },
];

function parse(...argv: string[]): Flags {
  const flags = new Flags(definitions);
  flags.parse(argv);
  return flags;
}

describe('flags', () => {
  test('stand anywhere between arguments, up to a double dash', () => {
    const flags = parse('one', '--yes', 'two', '-o', 'x', '--', '--count', '-z');
    expect(flags.args).toEqual(['one', 'two', '--count', '-z']);
    expect(flags.argsBeforeDash).toBe(2);
    expect([flags.bool('yes'), flags.string('out'), flags.isSet('count')]).toEqual([true, 'x', false]);
  });

  test.each([
    [['-ox'], 'x'],
    [['-o=x'], 'x'],
    [['-yo', 'x'], 'x'],
    [['--out', '-x'], '-x'],
    [['--out='], ''],
    [[], 'none'],
  ])('%j', (argv, value) => {
    expect(parse(...argv).string('out')).toBe(value);
  });

  test('have values of their kinds', () => {
    const flags = parse('--yes=false', '--count', '-5', '--wait=1m', '--list=b,c', '--list', 'd');
    expect(flags.bool('yes')).toBe(false);
    expect(flags.int64('count')).toBe(-5n);
    expect(flags.durationMs('wait')).toBe(60_000);
    expect(flags.list('list')).toEqual(['b', 'c', 'd']);
    expect(parse().list('list')).toEqual(['a']);
  });

  test('a single dash is an argument', () => {
    expect(parse('-').args).toEqual(['-']);
  });

  test.each([
    [['--no'], 'unknown flag: --no'],
    [['-x'], "unknown shorthand flag: 'x' in -x"],
    [['-yx'], "unknown shorthand flag: 'x' in -yx"],
    [['--out'], 'flag needs an argument: --out'],
    [['-o'], "flag needs an argument: 'o' in -o"],
    [['--=x'], 'bad flag syntax: --=x'],
    [['--count=x'], 'invalid argument "x" for "--count" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [
      ['-y=maybe'],
      'invalid argument "maybe" for "-y, --yes" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
  ])('%j is refused', (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
  });
});

describe('commands', () => {
  const found = (...argv: string[]) => {
    const { path, argv: rest, unknown } = findCommand(rootCommand, argv);
    return [
      path
        .slice(1)
        .map((command) => command.name)
        .join(' '),
      rest,
      unknown,
    ];
  };

  test('are found behind flags, and cut short as long as they are clear', () => {
    expect(found('get', 'a')).toEqual(['get', ['a'], undefined]);
    expect(found('-w', 'json', '--hex', 'g', 'a')).toEqual(['get', ['-w', 'json', '--hex', 'a'], undefined]);
    expect(found('lease', 'keep', '--once', 'x')).toEqual(['lease keep-alive', ['--once', 'x'], undefined]);
    expect(found('endpoint', '--cluster', 'health')).toEqual(['endpoint health', ['--cluster'], undefined]);
  });

  test('that are unclear or unknown are not', () => {
    expect(found('m')).toEqual(['', ['m'], 'm']);
    expect(found('gett', 'a')).toEqual(['', ['gett', 'a'], 'gett']);
    expect(found('lease', 'nothing')).toEqual(['lease', ['nothing'], 'nothing']);
  });

  test('that etcdctl does not have leave what is short for one of its own as it is', () => {
    expect(found('t')).toEqual(['txn', [], undefined]);
    expect(found('to')).toEqual(['top', [], undefined]);
    expect(found('con', 'l')).toEqual(['context list', [], undefined]);
  });

  test('close to an unknown one are proposed', () => {
    expect(similarNames(rootCommand.children ?? [], 'gett')).toEqual(['get']);
    expect(similarNames(rootCommand.children ?? [], 'e')).toEqual(['get', 'del', 'endpoint', 'elect']);
    expect(similarNames(rootCommand.children ?? [], 'compact')).toEqual(['compaction']);
  });

  test('have help laid out as in etcdctl', () => {
    const { path } = findCommand(rootCommand, ['lease', 'keep-alive']);
    const help = usageText(path, { version: '1', apiVersion: '3.5' });
    expect(help).toMatch(
      /^NAME:\n\tlease keep-alive - Keeps leases alive \(renew\)\n\nUSAGE:\n\tquoratectl lease keep-alive \[options\] <leaseID> \[flags\]\n\nOPTIONS:\n/,
    );
    expect(help).toContain('\n  -h, --help[=false]\thelp for keep-alive\n      --once[=false]\tResets');
    expect(help).toContain('\n  -w, --write-out="simple"\t\t\tset the output format');
    expect(help).toContain('\n      --endpoints=[127.0.0.1:2379]\t\tgRPC endpoints\n');
  });
});

describe('words of a line', () => {
  test.each([
    ['put a b', ['put', 'a', 'b']],
    ['  put\ta  ', ['put', 'a']],
    ['put "a b" "c\\n\\x01\\"d"', ['put', 'a b', 'c\n\x01"d']],
    ["put 'a b' c", ['put', 'a b', 'c']],
    ['put "" \'\'', ['put', '', '']],
    ['get a"b', ['get', 'a"b']],
    ['', []],
  ])('%j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  test('with a broken escape are refused', () => {
    expect(() => words('put "\\q"')).toThrow('invalid syntax');
  });
});
