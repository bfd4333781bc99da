import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../src/published-manifest.ts';

/**
 * A README is a page of a registry: whoever reads it there has no checkout beside it. These tests hold what that
 * asks for: the same way to begin, an example that compiles with what was installed, links that lead somewhere, and a
 * table of the API that has all there is to call.
 */
const root = resolve(import.meta.dirname, '../..');
const beginning = ['Why', 'Install', 'Example', 'Guarantees', 'API'];

interface Section {
  readonly title: string;
  readonly text: string;
}

interface Project {
  readonly name: string;
  readonly dir: string;
  readonly manifest: Manifest & { readonly dependencies?: Readonly<Record<string, string>> };
  readonly readme: string;
  /** What follows each heading of the second level. */
  readonly sections: readonly Section[];
}

const projects = globSync('{packages,apps}/*/package.json', { cwd: root }).sort().map(readProject);

/** Every published door of every package by the name that it is imported by, such as `@quorate/wal/testing`. */
const doors = new Map(projects.flatMap(doorsOf));

/** The examples as files that are nowhere, beside the package they belong to. */
const examples = new Map(
  projects.flatMap((project) =>
    codeBlocks(project.readme, 'ts').map(
      (code, index) => [join(project.dir, `readme-example-${index}.ts`), { project, code }] as const,
    ),
  ),
);

const program = compile();
const checker = program.getTypeChecker();

describe.each(projects)('$name', (project) => {
  const { manifest, dir, readme, sections } = project;
  const titles = sections.map(({ title }) => title);
  const section = (title: string): string => sections.find((one) => one.title === title)?.text ?? '';

  test('begins as all READMEs do, and ends with design and licence', () => {
    expect(readme.split('\n')[0]).toBe(`# ${manifest.name}`);
    expect(readme.split('\n')[2]).toMatch(/^[A-Za-z]/); // A paragraph that says what it is.
    expect(titles.slice(0, beginning.length)).toEqual(beginning);
    const end = existsSync(join(dir, 'DESIGN.md')) ? ['Design', 'Licence'] : ['Licence'];
    expect(titles.slice(-end.length)).toEqual(end);
    expect(new Set(titles).size).toBe(titles.length);
    for (const { title, text } of sections) expect(text.trim(), title).not.toBe('');
  });

  test('says how it is installed, and what Node it needs', () => {
    const [command = ''] = codeBlocks(section('Install'), 'sh');
    const [first, ...others] = installed(command);
    expect(first).toBe(manifest.name);
    const [, oldest] = /^>=(\d+\.\d+)/.exec(manifest.engines?.node ?? '') ?? [];
    expect(section('Install')).toContain(`Node ${oldest} or newer`);
    expect(others).toEqual(foreign(project, codeBlocks(readme, 'ts').flatMap(importsOf)));
  });

  test('has an example that needs nothing but what is installed with it', () => {
    const [example] = codeBlocks(section('Example'), manifest.exports === undefined ? 'sh' : 'ts');
    expect(example).toBeDefined();
    for (const name of codeBlocks(readme, 'ts').flatMap(importsOf)) {
      const known =
        name.startsWith('node:') || doors.has(name) || manifest.dependencies?.[packageOf(name)] !== undefined;
      expect(known, `${name} is a door of a package`).toBe(true);
      const reachable = [manifest.name, ...Object.keys(manifest.dependencies ?? {})];
      if (!name.startsWith('node:')) expect(reachable).toContain(packageOf(name));
    }
  });

  test('leads nowhere but to files of the package and to headings', () => {
    for (const file of globSync('*.md', { cwd: dir })) {
      const text = readFileSync(join(dir, file), 'utf8');
      for (const [, target = ''] of withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https:\/\//.test(target)) continue;
        const [path = '', anchor] = target.split('#');
        expect(path, `${file}: ${target}`).toMatch(/^$|^[\w-]+\.md$/);
        expect(path === '' || existsSync(join(dir, path)), `${file}: ${target}`).toBe(true);
        if (anchor !== undefined)
          expect(anchors(path === '' ? text : readFileSync(join(dir, path), 'utf8'))).toContain(anchor);
      }
    }
  });

  test('names no file of the checkout, which its readers do not have', () => {
    const paths = /(?<![\w./-])(?:docs|e2e|apps|packages|tools|deploy)\/[\w./-]+|[\w.-]+\.test\.ts\b/g;
    expect(readme.match(paths)).toBeNull();
    for (const file of globSync('DESIGN*.md', { cwd: dir })) {
      // Designs name the tests of their invariants, for those who have them.
      const named = readFileSync(join(dir, file), 'utf8').match(paths) ?? [];
      expect(named.filter((path) => !path.endsWith('.test.ts'))).toEqual([]);
    }
  });

  test('has in its table of the API what is exported, and all that can be called', () => {
    const tables = namesInTables(section('API'), manifest.name);
    const published = [...doors.keys()].filter((door) => packageOf(door) === manifest.name);
    for (const [door, names] of tables) {
      expect([manifest.name, ...published]).toContain(door);
      const exported = [...exportsOf(door).keys()];
      expect([...names].filter((name) => !exported.includes(name))).toEqual([]);
    }
    for (const door of published) {
      const missing = [...exportsOf(door)]
        .filter(([, symbol]) => !isTypeOnly(symbol) && isValue(meant(symbol)))
        .map(([name]) => name)
        .filter((name) => tables.get(door)?.has(name) !== true);
      expect(missing, door).toEqual([]);
    }
  });

  test('exports no name without a docstring', () => {
    const silent = [...doors.keys()]
      .filter((door) => packageOf(door) === manifest.name)
      .flatMap((door) => [...exportsOf(door)].map(([name, symbol]) => ({ name: `${door} ${name}`, symbol })))
      .filter(({ symbol }) => !isNamespace(meant(symbol)) && documentation(meant(symbol)) === '')
      .map(({ name }) => name);
    expect(silent).toEqual([]);
  });
});

test('every example of a README compiles, as strictly as our own code does', () => {
  const failures = [...examples].flatMap(([path]) => {
    const file = program.getSourceFile(path);
    const diagnostics = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return diagnostics.map(
      ({ messageText, start = 0 }) =>
        `${path.slice(root.length + 1)}:${(file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
  });
  expect(failures).toEqual([]);
});

function readProject(file: string): Project {
  const dir = join(root, dirname(file));
  // Our own manifests; one of another shape would fail below.
  const manifest = JSON.parse(readFileSync(join(root, file), 'utf8')) as Project['manifest'];
  const readme = readFileSync(join(dir, 'README.md'), 'utf8');
  // A line of a block can begin with `##`, so blocks are blanked out for finding headings, byte for byte.
  const plain = withoutBlocks(readme);
  const headings = [...plain.matchAll(/^## (.*)$/gm)];
  const sections = headings.map(({ 0: line, 1: title = '', index }, i) => ({
    title,
    text: readme.slice(index + line.length, headings[i + 1]?.index),
  }));
  return { name: manifest.name, dir, manifest, readme, sections };
}

/** What `files` leaves out is there in the checkout only. */
function doorsOf({ manifest, dir }: Project): [name: string, path: string][] {
  const hidden = (manifest.files ?? []).filter((pattern) => pattern.startsWith('!'));
  return Object.entries(manifest.exports ?? {})
    .filter(([, file]) => !hidden.some((pattern) => file.startsWith(`./${pattern.slice(1)}`)))
    .map(([door, file]) => [manifest.name + door.slice(1), join(dir, file)]);
}

/** All doors and examples as one program, compiled as our own code is. */
function compile(): ts.Program {
  const read: { readonly config?: unknown } = ts.readConfigFile(join(root, 'tsconfig.base.json'), (path) =>
    ts.sys.readFile(path),
  );
  const noFiles = { ...ts.sys, readDirectory: () => [] };
  // An example shows what there is to import, used or not.
  const own = { noEmit: true, noUnusedLocals: false };
  const options = { ...ts.parseJsonConfigFileContent(read.config, noFiles, root).options, ...own };
  const disk = ts.createCompilerHost(options);
  return ts.createProgram([...doors.values(), ...examples.keys()], options, {
    ...disk,
    fileExists: (path) => examples.has(path) || disk.fileExists(path),
    readFile: (path) => examples.get(path)?.code ?? disk.readFile(path),
    getSourceFile: (path, language) => {
      const example = examples.get(path);
      return example === undefined
        ? disk.getSourceFile(path, language)
        : ts.createSourceFile(path, example.code, language, true);
    },
  });
}

/** The exports of a package's door, as it lists them. */
function exportsOf(door: string): ReadonlyMap<string, ts.Symbol> {
  const file = program.getSourceFile(doors.get(door) ?? '');
  const module = file && checker.getSymbolAtLocation(file);
  const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
  return new Map(symbols.map((symbol) => [symbol.name, symbol]));
}

/** What an exported name stands for, through all files that pass it on. */
function meant(symbol: ts.Symbol): ts.Symbol {
  return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
}

function isValue(symbol: ts.Symbol): boolean {
  return (symbol.flags & ts.SymbolFlags.Value) !== 0;
}

/** Whether a door has the name for types alone, although it is a class, too. */
function isTypeOnly(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some(
    (node) => ts.isExportSpecifier(node) && ts.isTypeOnlyExportDeclaration(node),
  );
}

/** A generated file that is exported as one name: what it is, is in the table. */
function isNamespace(symbol: ts.Symbol): boolean {
  return (symbol.flags & ts.SymbolFlags.ValueModule) !== 0;
}

function documentation(symbol: ts.Symbol): string {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim();
}

/** What the first cells of tables name in backticks, by the door whose heading is above them. */
function namesInTables(text: string, name: string): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const part of text.split(/^(?=### )/m)) {
    const door = /^### `(@quorate\/[\w/-]+)`/.exec(part)?.[1] ?? name;
    const names = found.get(door) ?? new Set<string>();
    for (const [, cell = ''] of withoutBlocks(part).matchAll(/^\| ((?:[^|\\]|\\.)*)\|/gm)) {
      for (const [, word = ''] of cell.matchAll(/`(\w+)[^`]*`/g)) names.add(word);
    }
    found.set(door, names);
  }
  return found;
}

function codeBlocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))].map(
    ([, code = '']) => code,
  );
}

/** The text with everything between fences blank, of the same length. */
function withoutBlocks(text: string): string {
  return text.replaceAll(/^```[^]*?^```/gm, (block) => block.replaceAll(/[^\n]/g, ' '));
}

function importsOf(code: string): string[] {
  return ts.preProcessFile(code).importedFiles.map(({ fileName }) => fileName);
}

/** Packages of an example's imports other than its own, in order; they have to be installed by name, too. */
function foreign({ manifest }: Project, imports: readonly string[]): string[] {
  const names = imports.filter((name) => !name.startsWith('node:')).map(packageOf);
  return [...new Set(names)].filter((name) => name !== manifest.name).sort();
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** What the lines of `npm install` install, each once. */
function installed(commands: string): string[] {
  const lines = [...commands.matchAll(/^npm install ([^#\n]*)/gm)];
  const names = lines.flatMap(([, words = '']) => words.trim().split(/\s+/));
  return [...new Set(names)].filter((name) => !name.startsWith('-'));
}

/** The anchors that a registry makes of headings. */
function anchors(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}
