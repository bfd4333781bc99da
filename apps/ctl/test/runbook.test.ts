import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { allFlags, findCommand } from '../src/cli/command.ts';
import { Flags } from '../src/cli/flags.ts';
import { rootCommand } from '../src/commands.ts';

const root = resolve(import.meta.dirname, '../../..');
const textOf = (path: string): string => readFileSync(resolve(root, path), 'utf8');
const runbook = 'docs/runbook.md';
/** What operators copy from. */
const documents = [runbook, 'deploy/README.md', 'deploy/compose/README.md', 'deploy/helm/quorate/README.md'];

/** Code between fences of one language, with lines that are continued as one. */
function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(([, code = '']) =>
    code.replaceAll(/\\\n\s*/g, ''),
  );
}

/** Arguments of every call of these programs in lines of a shell, up to what ends a command. */
function callsIn(code: string, programs: string): string[][] {
  const word = `"(?:[^"\\\\]|\\\\.)*"|'[^']*'|[^\\s"'|;&<>()#]+`;
  const call = new RegExp(`(?<![\\w/.-])(?:${programs})(?![\\w/.:-])((?:[ ]+(?:${word})+)*)`, 'g');
  return [...code.matchAll(call)].map(([, rest = '']) =>
    [...rest.matchAll(new RegExp(`(?:${word})+`, 'g'))].map(([text]) => text.replaceAll(/["']/g, '')),
  );
}

/** Inline code, on one line. */
function spansOf(text: string): string[] {
  const prose = text.replaceAll(/^```[^]*?^```/gm, '');
  return [...prose.matchAll(/`([^`]+)`/g)].map(([, span = '']) => span.replaceAll(/\s+/g, ' '));
}

const ctlNames = 'quoratectl|etcdctl|etcdutl|in_member';
const isExample = (argv: readonly string[]): boolean =>
  argv.length === 0 || argv[0] === '…' || argv[0] === '$@';

/** Every call of quoratectl in a document: of shells, of inline code and of containers. */
function ctlCalls(document: string): string[][] {
  const text = textOf(document);
  return [
    ...blocksOf(text, 'sh').flatMap((code) => callsIn(code, ctlNames)),
    ...spansOf(text)
      .filter((span) => new RegExp(`^(${ctlNames}) `).test(span))
      .flatMap((span) => callsIn(span, ctlNames)),
    ...blocksOf(text, 'yaml').flatMap((code) =>
      parseAllDocuments(code).flatMap((parsed) => argsWithin(parsed.toJS())),
    ),
  ].filter((argv) => !isExample(argv));
}

function argsWithin(value: unknown): string[][] {
  const inner = z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).safeParse(value);
  if (!inner.success) return [];
  const args = z.object({ args: z.array(z.string()) }).safeParse(value);
  return [...(args.success ? [args.data.args] : []), ...Object.values(inner.data).flatMap(argsWithin)];
}

describe.each(documents)('%s', (document) => {
  test('calls of quoratectl are commands and flags that there are', () => {
    for (const argv of ctlCalls(document)) {
      const line = `quoratectl ${argv.join(' ')}`;
      const { path, argv: rest, unknown } = findCommand(rootCommand, argv);
      expect([line, unknown]).toEqual([line, undefined]);
      expect(path.at(-1)?.load, line).toBeDefined();
      expect(() => new Flags(allFlags(path)).parse(rest), line).not.toThrow();
    }
  });

  test('flags of quorate and quoratectl that it names are there', () => {
    const ofDockerAndHelm = ['read-only', 'set', 'set-string'];
    const known = new Set([...serverFlags(), ...gatewayFlags(), ...ctlFlags(), ...ofDockerAndHelm]);
    const named = spansOf(textOf(document)).flatMap((span) => /^--([a-z][a-z-]+)/.exec(span)?.[1] ?? []);
    expect(named.filter((flag) => !known.has(flag))).toEqual([]);
    const ofServer = blocksOf(textOf(document), 'sh')
      .flatMap((code) => callsIn(code, 'quorate'))
      .filter(([first]) => first?.startsWith('--'))
      .flat()
      .flatMap((word) => /^--([a-z-]+)/.exec(word)?.[1] ?? []);
    expect(ofServer.filter((flag) => !serverFlags().has(flag))).toEqual([]);
  });

  test('sections of the runbook that it leads to are there', () => {
    const anchors = [...textOf(document).matchAll(/runbook\.md#([\w-]+)/g)].map(([, anchor]) => anchor);
    expect(sections).toEqual(expect.arrayContaining(anchors));
  });
});

test('the runbook has calls of most commands, so that what is looked at above is not nothing', () => {
  expect(ctlCalls(runbook).length).toBeGreaterThan(40);
});

test('where the runbook has set the endpoints, no flag sets them again: that is refused', () => {
  const calls = blocksOf(textOf(runbook), 'sh').flatMap((code) => callsIn(code, ctlNames));
  expect(calls.filter((argv) => argv.some((word) => word.startsWith('--endpoints')))).toEqual([]);
});

test('every section that the doctor sends people to is in the runbook', () => {
  const named = globSync('apps/ctl/src/doctor/**/*.ts', { cwd: root }).flatMap((path) =>
    [...textOf(path).matchAll(/\brunbook: '([^']+)'/g)].map(([, anchor]) => anchor),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(sections).toEqual(expect.arrayContaining(named));
});

/** Anchors of the runbook's headings, as GitHub and the site make them. */
const sections = [...textOf(runbook).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(/\s/g, '-'),
);

function serverFlags(): Set<string> {
  return new Set(
    [...textOf('docs/flags.md').matchAll(/^\| `--([a-z0-9-]+)`/gm)].map(([, flag = '']) => flag),
  );
}

function gatewayFlags(): Set<string> {
  return new Set(
    [...textOf('apps/gateway/src/config.ts').matchAll(/flag: '([a-z-]+)'/g)].map(([, flag = '']) => flag),
  );
}

function ctlFlags(): Set<string> {
  const names = new Set<string>();
  const visit = (command: typeof rootCommand): void => {
    for (const { name } of allFlags([command])) names.add(name);
    for (const child of command.children ?? []) visit(child);
  };
  visit(rootCommand);
  return names;
}
