import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { publishedManifest, type Manifest } from '../src/published-manifest.ts';
import { publishedImports } from '../src/release/published-imports.ts';

const manifest: Manifest = {
  name: '@quorate/x',
  version: '1.0.0',
  private: true,
  engines: { node: '>=22.22' },
  bin: { x: './bin/x.js' },
  exports: { '.': './src/index.ts', './testing': './src/testing/index.ts' },
  files: ['src', '!src/bugs', 'README.md'],
  publishConfig: { access: 'public' },
  scripts: { test: 'vitest' },
  dependencies: { '@quorate/std': '1.0.0', '@quorate/tests-only': '1.0.0' },
  devDependencies: { tape: '5' },
  nx: { tags: [] },
};
const workspace = { manifest: { devDependencies: { vitest: '5.1.1' } }, path: 'packages/x' };
const imports = (needsNodeTypes: boolean, ...packages: string[]) => ({
  packages: new Set(packages),
  needsNodeTypes,
});

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-imports-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function write(files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  }
}

test('the package.json to publish names compiled files, what they import, and nothing of the checkout', () => {
  expect(publishedManifest(manifest, imports(false, '@quorate/std'), workspace)).toEqual({
    name: '@quorate/x',
    version: '1.0.0',
    engines: { node: '>=22.22' },
    bin: { x: './bin/x.js' },
    publishConfig: { access: 'public' },
    exports: {
      '.': { types: './src/index.d.ts', default: './src/index.js' },
      './testing': { types: './src/testing/index.d.ts', default: './src/testing/index.js' },
    },
    files: ['src', 'README.md'],
    dependencies: { '@quorate/std': '1.0.0' },
  });
});

test('a door whose files are not published is none', () => {
  const files = ['src', '!src/testing'];
  const published = publishedManifest({ ...manifest, files }, imports(false), workspace);
  expect(Object.keys(published['exports'] ?? {})).toEqual(['.']);
});

test('what the user of a part has anyway is an optional peer: a test runner, types of Node', () => {
  const published = publishedManifest(manifest, imports(true, 'vitest', '@quorate/x'), workspace);
  expect(published).toMatchObject({
    dependencies: {},
    peerDependencies: { '@types/node': '>=22', vitest: '>=5' },
    peerDependenciesMeta: { '@types/node': { optional: true }, vitest: { optional: true } },
  });
});

test('an import of a package that nobody declares fails the build', () => {
  expect(() => publishedManifest(manifest, imports(false, 'left-pad'), workspace)).toThrow(
    '@quorate/x imports left-pad, which it does not depend on',
  );
});

test('where the project lives comes from the manifest of the root, with the folder of the package', () => {
  const repository = { type: 'git', url: 'git+https://git.example/quorate.git' };
  const home = { ...workspace.manifest, repository, homepage: 'https://quorate.example' };
  const published = publishedManifest(manifest, imports(false), { ...workspace, manifest: home });
  expect(published).toMatchObject({
    repository: { ...repository, directory: 'packages/x' },
    homepage: 'https://quorate.example',
  });
});

test('imports are found in code and in declarations, whichever way they are written', () => {
  write({
    'src/index.js': `
      import { a } from '@quorate/std/testing';
      export * as b from 'b-package';
      export { c } from 'c-package/deep/file.js';
      import './own.js';
      const d = await import('d-package');
      const e = createRequire(import.meta.url)('e-package/binding.js');
      import { readFile } from 'node:fs';`,
    'src/index.d.ts': `export type F = import('f-package').F;`,
  });
  const { packages, needsNodeTypes } = publishedImports(dir, ['e-package', 'unused']);
  expect([...packages].sort()).toEqual([
    '@quorate/std',
    'b-package',
    'c-package',
    'd-package',
    'e-package',
    'f-package',
  ]);
  expect(needsNodeTypes).toBe(false);
});

test.each([
  ['a module of Node', `import type { Socket } from 'node:net';`],
  ['a type of Node in place', `export type S = import('node:net').Socket;`],
  ['a Buffer', 'export declare const bytes: Buffer;'],
  ['the namespace of Node', 'export declare function f(e: NodeJS.ErrnoException): void;'],
  ['an AbortSignal', 'export interface O { readonly signal?: AbortSignal }'],
])('declarations that speak of %s need its types', (_, text) => {
  write({ 'src/index.d.ts': `/** A Buffer in words. */\n${text}` });
  expect(publishedImports(dir, []).needsNodeTypes).toBe(true);
});

test('a word in a comment, or code alone, needs no types of Node', () => {
  write({
    'src/index.d.ts': '/** Not a Buffer. */\nexport declare const a: Uint8Array;',
    'src/index.js': `import 'node:net';`,
  });
  expect(publishedImports(dir, []).needsNodeTypes).toBe(false);
});
