import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { matches, testedSections } from '../src/readme/blocks.ts';
import { runSection } from '../src/readme/section-run.ts';

const root = resolve(import.meta.dirname, '../..');

/** The documents whose blocks are run, those that have any. */
const documents = globSync(['README.md', 'docs/**/*.md'], { cwd: root, exclude: ['docs/.vitepress/**'] })
  .toSorted()
  .map((path) => ({ path, sections: testedSections(readFileSync(resolve(root, path), 'utf8')) }))
  .filter(({ sections }) => sections.length > 0);

describe.each(documents)('$path does what it says', ({ sections }) => {
  test.each(sections)('$title', async (section) => {
    await runSection(section);
  });
});

describe('what is tested of a document', () => {
  const fence = '```';

  test('blocks that say so, by their headings, with what each command prints', () => {
    const sections = testedSections(
      [
        '# One',
        ...[`${fence}sh`, 'not run', fence],
        '## Two',
        ...[`${fence}sh tested`, '# First of all:', 'a \\', '  b', '# x', '# y', 'c', fence],
        ...[`${fence}ts tested until the end`, "console.log(f('//')); // x", fence],
      ].join('\n'),
    );
    expect(sections).toEqual([
      {
        title: 'Two',
        blocks: [
          {
            ...{ line: 6, language: 'sh', runsOn: false },
            steps: [
              { code: '# First of all:\na \\\n  b', output: ['x', 'y'] },
              { code: 'c', output: [] },
            ],
          },
          {
            ...{ line: 14, language: 'ts', runsOn: true },
            steps: [{ code: "console.log(f('//')); // x", output: ['x'] }],
          },
        ],
      },
    ]);
  });

  test.each([
    [
      'a language that nobody runs',
      `${fence}go tested\nx\n${fence}`,
      /line 1: no test knows how to run go tested/,
    ],
    ['a word that means nothing', `${fence}sh tested twice\nx\n${fence}`, /line 1: no test knows how/],
    ['a block without an end', `text\n${fence}sh tested\nx`, /line 2: this block does not end/],
  ])('%s is an error', (_, markdown, message) => {
    expect(() => testedSections(markdown)).toThrow(message);
  });

  test.each([
    ['a\nb\n', ['a', 'b'], true],
    ['a\nb\n', ['a'], false],
    ['a\n', ['a', 'b'], false],
    ['', [], true],
    ['a {"b":1}\n', ['a {…}'], true],
    ['a.b\n', ['a-b'], false],
    ['x\ny\nlast\n', ['…', 'last'], true],
    ['x\nlast\nmore\n', ['…', 'last'], false],
    ['a without its end', ['a without its end'], true],
  ])('%j is what %j says: %j', (printed, patterns, expected) => {
    expect(matches(printed, patterns)).toBe(expected);
  });

  test.each([
    [
      'that prints something else',
      'sh tested\necho a\n# b',
      /line 2.*echo a\n\nexpected:\nb\n\nprinted:\na\n/s,
    ],
    [
      'that fails behind what it prints',
      'sh tested\necho a\n# a\nfalse',
      /line 2.*not what the document says of\nfalse/s,
    ],
    ['of TypeScript that throws', "ts tested\nthrow new Error('of its own');", /line 2.*of its own/s],
    ['that ends, and should go on', 'sh tested until the end\necho a\n# b', /line 2.*printed:\na\n/s],
  ])('a block %s fails, and says where', async (_, block, message) => {
    const sections = testedSections(`# Title\n${fence}${block}\n${fence}`);
    await expect(Promise.all(sections.map(runSection))).rejects.toThrow(message);
  });
});
