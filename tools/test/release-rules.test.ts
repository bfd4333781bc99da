import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Manifest } from '../src/published-manifest.ts';
import { packageProblems } from '../src/release/package-rules.ts';

/** A package that is as it should be; each test spoils one thing. */
const good = {
  name: '@quorate/x',
  version: '1.2.3',
  description: 'A package',
  keywords: ['etcd'],
  type: 'module',
  license: 'Apache-2.0',
  engines: { node: '>=22.22' },
  bin: { x: './bin/x.js' },
  publishConfig: { access: 'public' },
  exports: { '.': { types: './src/index.d.ts', default: './src/index.js' } },
  files: ['bin', 'src', 'README.md'],
  dependencies: { '@quorate/std': '1.2.3', pino: '10.4.0' },
  peerDependencies: { '@types/node': '>=22.22' },
  peerDependenciesMeta: { '@types/node': { optional: true } },
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-rules-'));
  write('package.json', JSON.stringify(good));
  write('README.md', '# x');
  write('LICENSE', 'text');
  write('bin/x.js', `#!/usr/bin/env node\nimport('../src/main.js').then(({ main }) => main());\n`);
  chmodSync(join(dir, 'bin/x.js'), 0o755);
  write('src/index.js', `export { a } from './a.js';\n`);
  write('src/index.d.ts', `export { a } from './a.ts';\nexport type { T } from './types.ts';\n`);
  write('src/a.js', 'export const a = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);\n');
  write('src/a.d.ts', 'export declare const a: URL;\n');
  write('src/main.js', `import { version } from '../package.json';\nexport function main() {}\n`);
  write('src/thread.js', 'postMessage(1);\n');
  write('src/types.js', 'export {};\n//# sourceMappingURL=types.js.map');
  write('src/types.d.ts', 'export interface T {}\n');
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(dir, file)), { recursive: true });
  writeFileSync(join(dir, file), text);
}

const problems = (): string[] => packageProblems(dir, '1.2.3');

test('a package that is as it should be has no problems', () => {
  expect(problems()).toEqual([]);
});

test.each([
  'src/a.ts',
  'test/a.test.js',
  '.npmrc',
  'tsconfig.json',
  'quorate-x-1.2.3.tgz',
  'bundle/main.js.map',
  'node_modules/y/index.js',
])('%s has no place in a package', (file) => {
  write(file, 'export {};');
  expect(problems()).toContain(`${file} has no place in a package`);
});

test('README and LICENSE belong into it', () => {
  rmSync(join(dir, 'LICENSE'));
  expect(problems()).toEqual(['LICENSE is missing']);
});

test.each([
  ['a script', { scripts: { postinstall: 'x' } }, 'package.json has "scripts"'],
  ['tags of nx', { nx: {} }, 'package.json has "nx"'],
  ['what development needs', { devDependencies: {} }, 'package.json has "devDependencies"'],
  ['another version', { version: '1.2.4' }, 'version is 1.2.4, and not 1.2.3'],
  ['no engine', { engines: {} }, 'engines.node is missing'],
  ['no keywords', { keywords: [] }, 'keywords are missing'],
  [
    'provenance, which only a CI can sign',
    { publishConfig: { access: 'public', provenance: true } },
    'publishConfig is not {"access":"public"}',
  ],
  [
    'the workspace protocol',
    { dependencies: { '@quorate/std': 'workspace:*' } },
    '@quorate/std is wanted as "workspace:*", which is not one exact version of it',
  ],
  [
    'another version of ours',
    { dependencies: { '@quorate/std': '1.2.2' } },
    '@quorate/std is wanted as "1.2.2", which is not one exact version of it',
  ],
  [
    'a range',
    { dependencies: { pino: '^10.4.0' } },
    'pino is wanted as "^10.4.0", which is not one exact version of it',
  ],
  ['a peer that everybody must have', { peerDependenciesMeta: {} }, 'the peer @types/node is not optional'],
])('%s in the manifest is found', (_, change, problem) => {
  write('package.json', JSON.stringify({ ...good, ...change }));
  expect(problems()).toContain(problem);
});

test.each([
  { '@quorate/source': './src/index.ts', types: './src/index.d.ts', default: './src/index.js' },
  { default: './src/index.js', types: './src/index.d.ts' },
  { types: './src/index.d.ts', default: './src/index.ts' },
])('a door has types and code, in this order, and no condition of our own: %j', (door) => {
  write('package.json', JSON.stringify({ ...good, exports: { '.': door } }));
  expect(problems().join()).toContain('the door . is');
});

test('a command may be run, and says what runs it', () => {
  chmodSync(join(dir, 'bin/x.js'), 0o644);
  expect(problems()).toEqual(['the command x may not be run']);
  write('bin/x.js', `import '../src/main.js';\n`);
  expect(problems()).toContain('the command x does not say that Node runs it');
});

test('what is named and missing is found', () => {
  rmSync(join(dir, 'src/index.d.ts'));
  expect(problems()).toEqual(
    ['./src/index.d.ts is named in package.json and missing'].map((text) => text.replace('./', '')),
  );
});

test('modules that nothing leads to are found, in code and in types', () => {
  write('src/cli.js', 'run();\n');
  expect(problems()).toEqual(['src/cli is reached from no door and no command']);
});

test('imports that lead nowhere are found: sources that were not rewritten, files that were left out', () => {
  write('src/a.js', `const b = x ?? (await import('./thread.ts')).b;\nimport './gone.js';\n`);
  expect(problems()).toEqual(
    expect.arrayContaining([
      'src/a.js: ./thread.ts leads to no file of the package',
      'src/a.js: ./gone.js leads to no file of the package',
    ]),
  );
});

const root = resolve(import.meta.dirname, '../..');
// Our own manifests.
const manifests = globSync('{packages,apps}/*/package.json', { cwd: root }).map((file) => ({
  folder: basename(dirname(file)),
  path: dirname(file),
  manifest: JSON.parse(readFileSync(join(root, file), 'utf8')) as Manifest,
}));

test('all packages have one version, and depend on each other in exactly that one', () => {
  const versions = new Set(manifests.map(({ manifest }) => manifest.version));
  expect(versions.size).toBe(1);
  for (const { manifest } of manifests) {
    const own = Object.entries(manifest.dependencies ?? {}).filter(([name]) => name.startsWith('@quorate/'));
    for (const [name, range] of own) expect({ [name]: range }).toEqual({ [name]: manifest.version });
  }
});

test.each(manifests)('$folder publishes to everybody, with the documents it has', ({ path, manifest }) => {
  const { files = [], publishConfig, keywords } = manifest;
  expect(publishConfig).toEqual({ access: 'public' });
  expect(keywords).toEqual(expect.arrayContaining(['etcd', 'quorate']));
  const documents = globSync('*.md', { cwd: join(root, path) }).sort();
  expect(files.filter((file) => file.endsWith('.md'))).toEqual(documents);
  for (const pattern of files.filter((file) => file.startsWith('!'))) {
    expect(globSync(pattern.slice(1), { cwd: join(root, path) }), pattern).toHaveLength(1);
  }
});
