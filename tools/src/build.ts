import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import { publishedManifest, type Manifest } from './published-manifest.ts';

/**
 * `npm run build`: makes `dist/` of every package and app, ready for `npm publish` from there: JavaScript with
 * types and source maps, and a package.json that points to them. Commands that must start fast get a bundle, too. In
 * the checkout nothing uses it: Node runs the sources.
 *
 *     npm run build                          every package and app
 *     npm run build -- std wire              these
 *     npm run build -- --out=/some/folder    each into a folder of its path in there
 */
const root = resolve(import.meta.dirname, '../..');
const { values, positionals } = parseArgs({ options: { out: { type: 'string' } }, allowPositionals: true });

/**
 * Apps whose command runs from a bundle, and packages that stay out of it: offline work needs a store with native
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
  cpSync(compiled, join(outDir, 'src'), { recursive: true });
  for (const file of ['README.md', 'DESIGN.md']) {
    if (existsSync(join(root, path, file))) cpSync(join(root, path, file), join(outDir, file));
  }
  cpSync(join(root, 'LICENSE'), join(outDir, 'LICENSE'));
  const external = bundled.get(path);
  if (external !== undefined) {
    await bundle({ entry: join(root, path, 'src/main.ts'), outDir: join(outDir, 'bundle'), external });
  }
  for (const file of globSync('bin/*.js', { cwd: join(root, path) })) {
    // Commands are plain JavaScript that loads the sources by their names.
    const text = readFileSync(join(root, path, file), 'utf8').replaceAll(
      /\.\.\/src\/([\w/-]+)\.ts/g,
      external === undefined ? '../src/$1.js' : '../bundle/$1.js',
    );
    mkdirSync(dirname(join(outDir, file)), { recursive: true });
    writeFileSync(join(outDir, file), text, { mode: 0o755 });
  }
  const published = publishedManifest(manifest);
  writeFileSync(join(outDir, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
}
