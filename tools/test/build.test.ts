import { spawnSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { publintProblems } from '../src/release/lint-tarball.ts';
import { packageProblems } from '../src/release/package-rules.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

const root = resolve(import.meta.dirname, '../..');
let dir: string;
let app: string;
/** quoratectl as it was built, with no package within its reach. */
let ctl: string;

/** Builds two packages and a command; packs the packages as npm would publish them, and unpacks them into another project. */
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-build-'));
  app = join(dir, 'app');
  const out = join(dir, 'out');
  run(process.execPath, [join(root, 'tools/src/build.ts'), `--out=${out}`, 'std', 'wire', 'ctl'], root);
  ctl = join(out, 'apps/ctl');
  mkdirSync(join(app, 'node_modules/@quorate'), { recursive: true });
  writeFileSync(join(app, 'package.json'), '{"type": "module"}');
  for (const name of ['std', 'wire']) {
    const packed = join(dir, name);
    mkdirSync(packed);
    run(
      'npm',
      ['pack', '--offline', '--ignore-scripts', '--silent', `--pack-destination=${packed}`],
      join(out, 'packages', name),
    );
    const [tarball = ''] = readdirSync(packed);
    run('tar', ['-xzf', tarball], packed);
    symlinkSync(join(packed, 'package'), join(app, 'node_modules/@quorate', name));
    // What the packages depend on; an installation would fetch it.
    mkdirSync(join(packed, 'package/node_modules'));
    symlinkSync(join(root, 'node_modules/@bufbuild'), join(packed, 'package/node_modules/@bufbuild'));
  }
  mkdirSync(join(dir, 'wire/package/node_modules/@quorate'));
  symlinkSync(join(dir, 'std/package'), join(dir, 'wire/package/node_modules/@quorate/std'));
});
afterAll(() => rmSync(dir, { recursive: true }));

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

const program = `
import { fromUtf8, toUtf8 } from '@quorate/std';
import { ManualClock } from '@quorate/std/testing';
import { decodePutRequest, encodePutRequest } from '@quorate/wire';

const bytes: Uint8Array = encodePutRequest({
  key: fromUtf8('greeting'), value: fromUtf8('hello'), lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false,
});
const clock = new ManualClock();
process.stdout.write(\`\${toUtf8(decodePutRequest(bytes).value)} \${typeof clock.now()}\`);
`;

test('another project runs the packages from what npm packs, without our sources', () => {
  writeFileSync(join(app, 'main.mjs'), program.replace(': Uint8Array', ''));
  expect(run(process.execPath, ['--no-strip-types', 'main.mjs'], app)).toBe('hello number');
  expect(
    globSync('**/*.ts', { cwd: join(dir, 'std/package') }).filter((file) => !file.endsWith('.d.ts')),
  ).toEqual([]);
});

test('another project gets the types of the packages', () => {
  writeFileSync(join(app, 'main.ts'), program);
  const options = {
    module: 'nodenext',
    target: 'es2024',
    strict: true,
    noEmit: true,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  };
  writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['main.ts'] }));
  run(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], app);
  writeFileSync(join(app, 'main.ts'), program.replace("fromUtf8('hello')", '5'));
  expect(() => run(join(root, 'node_modules/.bin/tsc'), ['-p', '.'], app)).toThrow(
    /Type 'number' is not assignable/,
  );
});

test('what is packed keeps the rules of packages, and passes publint', async () => {
  for (const name of ['packages/std', 'packages/wire', 'apps/ctl']) {
    expect(packageProblems(join(dir, 'out', name), '0.1.0'), name).toEqual([]);
  }
  const [tarball = ''] = globSync('wire/*.tgz', { cwd: dir });
  expect(await publintProblems(join(dir, tarball))).toEqual([]);
});

test('source maps name the source beside them, and have its text in them', () => {
  const map: unknown = JSON.parse(readFileSync(join(dir, 'wire/package/src/index.js.map'), 'utf8'));
  expect(map).toMatchObject({ sources: ['index.ts'], sourcesContent: [expect.stringContaining('export')] });
});

/** Runs quoratectl; returns the files it has loaded, but for Node's own, relative to its folder. */
function filesLoadedBy(...argv: string[]): string[] {
  const preload = join(dir, 'loaded.mjs');
  const list = join(dir, 'loaded.txt');
  writeFileSync(
    preload,
    `import { appendFileSync, writeFileSync } from 'node:fs';
     import { registerHooks } from 'node:module';
     const list = ${JSON.stringify(list)};
     writeFileSync(list, '');
     registerHooks({
       load(url, context, next) {
         if (url.startsWith('file:')) appendFileSync(list, new URL(url).pathname + '\\n');
         return next(url, context);
       },
     });`,
  );
  spawnSync(process.execPath, ['--import', preload, join(ctl, 'bin/quoratectl.js'), ...argv], {
    env: { ...process.env, XDG_CONFIG_HOME: dir },
  });
  const loaded = readFileSync(list, 'utf8').split('\n').slice(0, -1);
  return loaded.map((file) => relative(ctl, file)).filter((file) => file !== '../../../loaded.mjs');
}

// What makes a command start fast is how little it loads; how long that takes is up to the machine.
test('quoratectl loads nothing but its bundle, and of that only what a command needs', () => {
  const small = 250_000;
  const bytesOf = (files: readonly string[]) =>
    files.reduce((sum, file) => sum + statSync(join(ctl, file)).size, 0);
  for (const argv of [['version'], ['--help'], ['context', 'list'], ['completion', 'bash']]) {
    const loaded = filesLoadedBy(...argv);
    expect(loaded).toContain('bundle/main.js');
    expect(loaded.filter((file) => !/^(?:bundle|bin)\/[\w-]+\.js$/.test(file))).toEqual([]);
    expect(loaded.length).toBeLessThan(30);
    // YAML is for contexts, gRPC for what goes to a cluster.
    if (argv[0] !== 'context') expect(bytesOf(loaded)).toBeLessThan(small);
  }
  const put = filesLoadedBy('put', 'a', 'b', '--endpoints=127.0.0.1:1', '--command-timeout=50ms');
  expect(put.filter((file) => !/^(?:bundle|bin)\/[\w-]+\.js$/.test(file))).toEqual([]);
  expect(put.length).toBeLessThan(50);
  expect(readFileSync(join(ctl, 'bundle/LICENSES.txt'), 'utf8')).toMatch(/^@grpc\/grpc-js .*: Apache-2\.0$/m);
});

test('a package that is not there is refused', () => {
  const out = join(dir, 'none');
  expect(() =>
    run(process.execPath, [join(root, 'tools/src/build.ts'), `--out=${out}`, 'nothing'], root),
  ).toThrow('there is no package or app "nothing"');
  expect(existsSync(out)).toBe(false);
});
