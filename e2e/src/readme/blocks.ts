/** A block of code of a document that says of itself that it is tested. */
export interface TestedBlock {
  /** The line in the document where it begins. */
  readonly line: number;
  readonly language: 'sh' | 'ts';
  /** Whether it goes on until its section ends, as a server does, or a watch. */
  readonly runsOn: boolean;
  readonly steps: readonly Step[];
}

/** Lines of code, and what they print. */
export interface Step {
  readonly code: string;
  /** Patterns of lines: `…` is any text within a line, and alone any lines. */
  readonly output: readonly string[];
}

/** What is under a heading, in the order of the document. */
export interface Section {
  readonly title: string;
  readonly blocks: readonly TestedBlock[];
}

/**
 * Finds the blocks that open with "```sh tested", "```ts tested" or either with "until the end", by the headings that they
 * stand under; sections without any are left out. In shell, comments right behind a command are what it prints; in
 * TypeScript a comment behind `console.log(…);` is.
 *
 * @throws Error when a block does not end, or says something else of itself
 */
export function testedSections(markdown: string): Section[] {
  const sections: { title: string; blocks: TestedBlock[] }[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const [, title] = /^#+ (.*)$/.exec(lines[i] ?? '') ?? [];
    if (title !== undefined) sections.push({ title, blocks: [] });
    const [, info] = /^```(.+)$/.exec(lines[i] ?? '') ?? [];
    if (info === undefined) continue;
    const end = lines.indexOf('```', i);
    if (end < 0) throw new Error(`line ${i + 1}: this block does not end`);
    const block = blockOf(info, lines.slice(i + 1, end), i + 1);
    if (block !== undefined) sections.at(-1)?.blocks.push(block);
    i = end;
  }
  return sections.filter(({ blocks }) => blocks.length > 0);
}

function blockOf(info: string, code: readonly string[], line: number): TestedBlock | undefined {
  const [, language, rest] = /^(\S+) tested(.*)$/.exec(info) ?? [];
  if (language === undefined) return undefined;
  if ((language !== 'sh' && language !== 'ts') || !['', ' until the end'].includes(rest ?? ''))
    throw new Error(`line ${line}: no test knows how to run ${info}`);
  return {
    line,
    language,
    runsOn: rest !== '',
    steps: language === 'sh' ? stepsOfShell(code) : [stepOfTypeScript(code)],
  };
}

function stepsOfShell(lines: readonly string[]): Step[] {
  const steps: { code: string; output: string[] }[] = [];
  let isOutput = false;
  for (const line of lines) {
    const [, printed] = /^# ?(.*)$/.exec(line) ?? [];
    const last = steps.at(-1);
    if (printed !== undefined && last !== undefined) {
      isOutput = true;
      last.output.push(printed);
    } else if (last === undefined || isOutput) {
      isOutput = false;
      steps.push({ code: line, output: [] });
    } else last.code += `\n${line}`;
  }
  return steps;
}

function stepOfTypeScript(lines: readonly string[]): Step {
  const output = lines.flatMap((line) => /console\.log\(.*\); \/\/ (.*)$/.exec(line)?.[1] ?? []);
  return { code: lines.join('\n'), output };
}

/** Whether lines are what the patterns say, the last one with or without its end; with `isPrefix`, whether they begin so. */
export function matches(
  printed: string,
  patterns: readonly string[],
  { isPrefix = false }: { readonly isPrefix?: boolean } = {},
): boolean {
  const lines = patterns.map((pattern) =>
    pattern === '…' ? '(?:.*\\n)*?' : `${pattern.split('…').map(literally).join('.*')}\\n`,
  );
  const whole = isPrefix || printed === '' || printed.endsWith('\n') ? printed : `${printed}\n`;
  return new RegExp(`^${lines.join('')}${isPrefix ? '' : '$'}`).test(whole);
}

/** The text as a regular expression for itself. */
function literally(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
