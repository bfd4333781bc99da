import { fromLatin1 } from '@quorate/std';
import { expect, test } from 'vitest';
import { Flags } from '../src/cli/flags.ts';
import { watchFlags } from '../src/commands.ts';
import { parseWatchArguments } from '../src/watch-arguments.ts';

const bytes = (text: string) => new Uint8Array(fromLatin1(text));

function parse(line: string, environment = { key: '', rangeEnd: '' }) {
  const flags = new Flags(watchFlags);
  flags.parse(line === '' ? [] : line.split(' '));
  return parseWatchArguments(flags, environment);
}

test.each([
  ['a', { key: bytes('a') }, []],
  ['a --prefix', { prefix: bytes('a') }, []],
  ['a b', { range: { from: bytes('a'), endExclusive: bytes('b') } }, []],
  ['a b c', { key: bytes('a') }, []],
  ['a -- echo --rev 5', { key: bytes('a') }, ['echo', '--rev', '5']],
  ['a b -- echo', { range: { from: bytes('a'), endExclusive: bytes('b') } }, ['echo']],
])('%s', (line, selector, command) => {
  expect(parse(line)).toMatchObject({ selector, command });
});

test('what to watch may come from the environment', () => {
  expect(parse('--rev 7', { key: 'k', rangeEnd: '' })).toMatchObject({
    selector: { key: bytes('k') },
    startRevision: 7n,
  });
  expect(parse('-- echo', { key: 'k', rangeEnd: 'z' })).toMatchObject({
    selector: { range: { from: bytes('k'), endExclusive: bytes('z') } },
    command: ['echo'],
  });
});

test.each([
  ['', '', 'bad number of arguments'],
  ['-- echo', '', 'bad number of arguments'],
  ['a --', '', 'bad number of arguments (found separator --, but no commands)'],
  ['a', 'k', 'bad number of arguments (found conflicting environment key)'],
  ['a b --prefix', '', '`range_end` and `--prefix` are mutually exclusive'],
])('%j with %j in the environment is refused', (line, key, text) => {
  expect(() => parse(line, { key, rangeEnd: '' })).toThrow(
    expect.objectContaining({ code: 'badArguments', text }) as Error,
  );
});
