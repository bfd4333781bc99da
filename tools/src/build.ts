import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import { publishedManifest, type Manifest, type Workspace } from './published-manifest.ts';
import { publishedImports } from './release/published-imports.ts';

/**
 * `npm run build`: makes `dist/` of every package and app, ready for `npm publish` from there: what the
 * `files` of its package.json name (`src` compiled, with types and source maps; `!src/x` left out; `bundle` for a
 * command that must start fast), and a package.json that points to them. In the checkout nothing uses it: Node runs
 * the sources.
 *
 *     npm run build                          every package and app
 *     npm run build -- std wire              these
 *     npm run build -- --out=/some/folder    each into a folder of its path in there
 */
const root = resolve(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true });

// Our own manifest of the root.
const workspaceManifest = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as Workspace['manifest'];

/**
 * The packages that stay out of the bundle of an app whose `files` has one: offline work needs a store with native
 * code, which is found beside its own package.
 */
const bundled: ReadonlyMap<string, readonly string[]> = new Map([['apps/ctl', ['@quorate/data-dir']]]);

interface Project {
  /** Such as `packages/std`. */
  readonly path: string;
  readonly manifest: Manifest;
  readonly outDir: string;
}

const projects = chosenProjects(positionals);
const emitted = emit(projects);
try {
  for (const project of projects) await assemble(project, join(emitted, project.path, 'src'));
} finally {
  rmSync(emitted, { recursive: true });
}
console.log(`built ${projects.length} packages: ${projects.map(({ manifest }) => manifest.name).join(', ')}`);

function chosenProjects(names: readonly string[]): Project[] {
  const all = globSync('{packages,apps}/*/package.json', { cwd: root })
    .sort()
    .map((file): Project => {
      const path = dirname(file);
      // Our own manifests; were one of another shape, assembling it would fail.
      const manifest = JSON.parse(readFileSync(join(root, file), 'utf8')) as Manifest;
      const outDir = values.out === undefined ? join(root, path, 'dist') : resolve(values.out, path);
      return { path, manifest, outDir };
    });
  const nameOf = ({ path }: Project): string => path.split('/')[1] ?? '';
  const unknown = names.find((name) => !all.some((project) => nameOf(project) === name));
  if (unknown !== undefined) throw new Error(`there is no package or app "${unknown}"`);
  return names.length === 0 ? all : all.filter((project) => names.includes(nameOf(project)));
}

/** Compiles the sources of all projects at once, so that each file is checked once; returns where to. */
function emit(chosen: readonly Project[]): string {
  const cache = join(root, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  const dir = mkdtempSync(join(cache, 'build-'));
  const config = join(dir, 'tsconfig.json');
  writeFileSync(
    config,
    JSON.stringify({
      extends: relative(dir, join(root, 'tsconfig.base.json')),
      compilerOptions: {
        rootDir: root,
        outDir: dir,
        declaration: true,
        sourceMap: true,
        // A debugger shows the sources although they are not published.
        inlineSources: true,
        noEmitOnError: true,
        types: ['node'],
        typeRoots: [join(root, 'node_modules/@types')],
      },
      include: chosen.map(({ path }) => join(root, path, 'src')),
    }),
  );
  const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', config], { stdio: 'inherit' });
  if (status === 0) return dir;
  rmSync(dir, { recursive: true });
  throw new Error(`tsc exited with ${status}`);
}

async function assemble({ path, manifest, outDir }: Project, compiled: string): Promise<void> {
  rmSync(outDir, { recursive: true, force: true });
  mkdirSync(outDir, { recursive: true });
  const files = manifest.files ?? [];
  if (files.includes('src')) copySources(compiled, outDir, files);
  for (const file of files.filter((name) => name.endsWith('.md'))) {
    cpSync(join(root, path, file), join(outDir, file));
  }
  cpSync(join(root, 'LICENSE'), join(outDir, 'LICENSE'));
  if (files.includes('bundle')) {
    const external = bundled.get(path) ?? [];
    const entry = join(root, path, 'src/main.ts');
    // The code of a bundle can be read as it is, and maps would weigh more than it does.
    await bundle({ entry, outDir: join(outDir, 'bundle'), external, sourceMaps: false });
  }
  if (files.includes('bin')) writeCommands(path, outDir, files.includes('bundle') ? 'bundle' : 'src');
  const imports = publishedImports(outDir, Object.keys(manifest.dependencies ?? {}));
  const published = publishedManifest(manifest, imports, { manifest: workspaceManifest, path });
  writeFileSync(join(outDir, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
}

/** Compiled sources, but for those that `files` excludes; maps name the source beside them, whose text they hold. */
function copySources(compiled: string, outDir: string, files: readonly string[]): void {
  cpSync(compiled, join(outDir, 'src'), { recursive: true });
  for (const pattern of files.filter((name) => name.startsWith('!'))) {
    const [target = '', ...others] = pattern.slice(1).endsWith('.ts')
      ? ['.js', '.d.ts', '.js.map'].map((ending) => pattern.slice(1).replace(/\.ts$/, ending))
      : [pattern.slice(1)];
    for (const file of [target, ...others]) rmSync(join(outDir, file), { recursive: true });
  }
  for (const file of globSync('src/**/*.js', { cwd: outDir })) {
    const text = readFileSync(join(outDir, file), 'utf8');
    // tsc rewrites what is imported by path, but not `a ?? (await import('./b.ts')).c`.
    const rewritten = text.replaceAll(/(?<=\bimport\('\.{1,2}\/[^'\n]+)\.ts(?='\))/g, '.js');
    if (rewritten !== text) writeFileSync(join(outDir, file), rewritten);
  }
  for (const file of globSync('src/**/*.js.map', { cwd: outDir })) {
    // tsc wrote it.
    const map = JSON.parse(readFileSync(join(outDir, file), 'utf8')) as Record<string, unknown>;
    const sources = [basename(file).replace(/\.js\.map$/, '.ts')];
    writeFileSync(join(outDir, file), JSON.stringify({ ...map, sources }));
  }
}

/** Commands are plain JavaScript that loads the sources by their names; here, what was made of them. */
function writeCommands(path: string, outDir: string, folder: string): void {
  mkdirSync(join(outDir, 'bin'), { recursive: true });
  for (const file of globSync('bin/*.js', { cwd: join(root, path) })) {
    const text = readFileSync(join(root, path, file), 'utf8');
    const compiled = text.replaceAll(/\.\.\/src\/([\w/-]+)\.ts/g, `../${folder}/$1.js`);
    writeFileSync(join(outDir, file), compiled, { mode: 0o755 });
  }
}
