import { describe, expect, test } from 'vitest';
import { dataProblem } from '../src/docs/check-data.ts';
import { checkShell } from '../src/docs/check-shell.ts';
import { foreignLoads } from '../src/docs/check-site.ts';
import { typeProblems } from '../src/docs/check-types.ts';
import { forSite, targetOf } from '../src/docs/links.ts';
import { anchorOf, MarkdownReader } from '../src/docs/markdown.ts';
import { shellCommands } from '../src/docs/shell-words.ts';

describe('commands of a script', () => {
  const wordsOf = (script: string) => shellCommands(script).map(({ words }) => words.join(' '));

  test.each([
    ['a b\nc', ['a b', 'c']],
    ['a \\\n  b', ['a b']],
    ['a \'b c\' "d e"', ['a b c d e']],
    ['a | b && c; d', ['a', 'b', 'c', 'd']],
    ['a # b', ['a']],
    ['a "#b"', ['a #b']],
    ['X=1 Y=2 a b', ['a b']],
    ['a > b 2>&1 < c', ['a']],
    ['a --url=x?y', ['a --url=x?y']],
    ['x=$(a b)', ['a b']],
    ['c "$(a b)"', ['a b', 'c $(a b)']],
    ['a <(b c)', ['b c', 'a $(…)']],
    ['if a; then b; fi', ['a', 'b']],
    ['sudo a', ['a']],
    ['a <<EOF\nb c\nEOF\nd', ['a', 'd']],
    ['', []],
  ])('%j has %j', (script, commands) => {
    expect(wordsOf(script)).toEqual(commands);
  });

  test('are told with their lines', () => {
    expect(shellCommands('a\n# b\nc \\\n d\ne').map(({ line }) => line)).toEqual([0, 2, 4]);
  });
});

describe('a script', () => {
  test.each([
    'npx quoratectl --endpoints=a:1,b:2 put k v',
    'quoratectl get --prefix "" -w table # all',
    'quoratectl mem l',
    'quoratectl lock x -- sh -c "anything --goes"',
    'quorate --name=m1 --data-dir /x',
    'quorate gateway start --endpoints=a:1',
    'quorate-gateway --listen-urls=http://127.0.0.1:1',
    'npm start -- --data-dir=/x',
    'npm test && npm run cluster -- --members 5',
    'npm run bench -w packages/raft',
    'npx nx test raft',
    'npx vitest run --project e2e readme',
    'other --whatever',
  ])('%s is right', (script) => {
    expect(checkShell(script)).toEqual([]);
  });

  test.each([
    ['quoratectl frobnicate', /unknown command frobnicate/],
    ['quoratectl put --prefix a b', /unknown flag: --prefix/],
    ['quoratectl get a --limit=many', /invalid argument "many"/],
    ['a && npx quoratectl user frob', /unknown command frob/],
    ['x="$(quoratectl get --nope)"', /unknown flag: --nope/],
    ['quorate --nam=m1', /--nam/],
    ['quorate --heartbeat-interval=soon', /heartbeat-interval/],
    ['quorate gateway stop', /gateway stop/],
    ['quorate grpc-proxy start --nope=1', /--nope/],
    ['quorate-gateway --max-streams=0', /max-streams/],
    ['npm start -- --nope', /--nope/],
    ['npm run nothing', /there is no npm script nothing/],
    ['npx nx bench rafts', /there is no project rafts/],
    ['npx vitest --project leases', /there is no project leases/],
  ])('%s is wrong', (script, message) => {
    expect(checkShell(script).map(({ problem }) => problem)).toEqual([expect.stringMatching(message)]);
  });
});

test('links of a document are to files, pages and folders with a README; all else is nothing', () => {
  expect(targetOf('docs/a.md', 'flags.md#x')).toEqual({
    kind: 'document',
    document: 'docs/flags.md',
    anchor: 'x',
  });
  expect(targetOf('docs/a.md', '#x')).toEqual({ kind: 'document', document: 'docs/a.md', anchor: 'x' });
  expect(targetOf('docs/a.md', '../packages/raft')).toMatchObject({ document: 'packages/raft/README.md' });
  expect(targetOf('docs/a.md', '/reference/')).toEqual({ kind: 'page', page: 'reference/index', anchor: '' });
  expect(targetOf('docs/a.md', '../package.json')).toEqual({ kind: 'file', path: 'package.json' });
  expect(targetOf('docs/a.md', 'nothing.md')).toEqual({ kind: 'nothing' });
  expect(targetOf('docs/a.md', '../../outside.md')).toEqual({ kind: 'nothing' });
});

test('the site gets links to its pages; code stays, and what is no tag does not become one', () => {
  const lines = [
    'See [flags](flags.md#member), [raft](../packages/raft) and [that](../package.json).',
    'Write <name> or `<name>`, [out](https://example.com), {{ x }}.',
    '```md',
    '[flags](flags.md) <name>',
    '```',
  ];
  expect(forSite('docs/a.md', lines.join('\n')).split('\n')).toEqual([
    'See [flags](/reference/flags#member), [raft](/packages/raft/) and that.',
    'Write &lt;name> or `<name>`, [out](https://example.com), &#123;&#123; x }}.',
    ...lines.slice(2),
  ]);
});

test('a document is read with its headings, links and blocks', async () => {
  const reader = await MarkdownReader.open();
  const lines = [
    '---',
    'layout: x',
    '---',
    '# A `b` title!',
    '',
    '[x](y.md) [z](https://z)',
    '',
    '```ts tested',
    '1;',
    '```',
    '',
    '# A b title',
  ];
  const { anchors, links, blocks, title } = reader.read(lines.join('\n'));
  expect([...anchors]).toEqual(['a-b-title', 'a-b-title-1']);
  expect(links).toEqual([{ href: 'y.md', line: 6 }]);
  expect(blocks).toEqual([{ info: 'ts tested', language: 'ts', code: '1;\n', line: 8 }]);
  expect(title).toBe('A `b` title!');
});

test.each([
  ['Users, roles and TLS', 'users-roles-and-tls'],
  ["Other people's clients", 'other-peoples-clients'],
  ['`--flag` of ETCD_X', '--flag-of-etcd_x'],
])('the anchor of %s is %s', (heading, anchor) => {
  expect(anchorOf(heading)).toBe(anchor);
});

test.each([
  ['json', '{"a": 1}', undefined],
  ['json', '{"a": 1}\n{"b": 2}\n', undefined],
  ['json', '{a: 1}', 'is not JSON'],
  ['yaml', 'a: 1\n---\nb: [2]\n', undefined],
  ['text', '{', undefined],
])('%s %j: %s', (language, code, problem) => {
  expect(dataProblem({ language, info: language, code, line: 1 })).toBe(problem);
});

test('YAML that cannot be read is told', () => {
  expect(dataProblem({ language: 'yaml', info: 'yaml', code: 'a: [1', line: 1 })).toMatch(/flow/i);
});

test('blocks of TypeScript are checked each by itself, with the types of the packages', () => {
  const problems = typeProblems([
    {
      document: 'docs/a.md',
      line: 1,
      code: "import { toCount } from '@quorate/std';\nconst x: number = toCount(1n, 'x');",
    },
    {
      document: 'docs/a.md',
      line: 9,
      code: "import { toCount } from '@quorate/std';\n\nconst x: string = toCount(1n, 'x');",
    },
    { document: 'docs/a.md', line: 20, code: 'let x: number = ;' },
  ]);
  expect(problems).toEqual([
    "docs/a.md:12: Type 'number' is not assignable to type 'string'.",
    expect.stringMatching(/^docs\/a\.md:21: /),
  ]);
});

test.each([
  ['<script src="https://cdn.example/x.js"></script>', ['https://cdn.example/x.js']],
  ['<link rel="stylesheet" href="//fonts.example/f.css">', ['//fonts.example/f.css']],
  ['<img alt="a" src=http://x.example/i.png>', ['http://x.example/i.png']],
  [
    '@import "https://x.example/a.css"; a{background:url(https://x.example/b.png)}',
    ['https://x.example/b.png', 'https://x.example/a.css'],
  ],
  ['<a href="https://example.com">a link is not loaded</a><script src="/assets/a.js"></script>', []],
])('%s loads %j from elsewhere', (html, loads) => {
  expect(foreignLoads(html)).toEqual(loads);
});
