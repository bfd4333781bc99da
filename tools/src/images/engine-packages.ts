import { cpSync, existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The engine below a member's store, as a package that is copied since it holds native code. */
export interface EnginePackage {
  readonly name: string;
  /** What of the package runs, besides its folder `prebuilds`: its own JavaScript, or that which loads the engine. */
  readonly scripts: 'all' | readonly string[];
  /** Dependencies that are there for building or for scripts that are left out. */
  readonly notNeeded: readonly string[];
}

/**
 * Engines by platform. RocksDB comes with a prebuilt engine for Linux on x86 and none on ARM, where the server falls
 * back to LevelDB. A data directory stays with the engine that made it.
 */
const engines: Readonly<Record<string, EnginePackage>> = {
  'linux-x64': {
    name: '@nxtedition/rocksdb',
    scripts: ['binding.js'],
    notNeeded: ['abstract-level', 'catering', 'module-error', 'napi-macros', 'prebuildify'],
  },
  'linux-arm64': { name: 'classic-level', scripts: 'all', notNeeded: ['napi-macros'] },
};

/** The engine that a member has on a platform such as `linux-x64`. @throws Error where there is none */
export function engineOf(platform: string): EnginePackage {
  const engine = engines[platform];
  if (engine !== undefined) return engine;
  throw new Error(
    `there is no image for ${platform}: images are built for ${Object.keys(engines).join(', ')}`,
  );
}

/** Where packages are copied from and to. */
export interface CopyEngineOptions {
  /** The root of the checkout. */
  readonly root: string;
  /** A folder `node_modules`. */
  readonly outDir: string;
  /** As `linux-x64`. */
  readonly platform: string;
  /** That of the platform when it is left out. */
  readonly engine?: EnginePackage;
}

/** Copies the engine of a platform and all that it needs when it runs, with their licenses. */
export function copyEngine({ root, outDir, platform, ...options }: CopyEngineOptions): void {
  const engine = options.engine ?? engineOf(platform);
  copyPackage(findPackage(engine.name, root), { engine, outDir, platform });
}

interface CopyContext {
  readonly engine: EnginePackage;
  readonly outDir: string;
  readonly platform: string;
}

function copyPackage(source: string, context: CopyContext): void {
  const { engine, outDir, platform } = context;
  const { name, version, dependencies } = manifestOf(source);
  const target = join(outDir, name);
  if (existsSync(target)) {
    if (manifestOf(target).version === version) return;
    throw new Error(`${engine.name} needs two versions of ${name}, and images have room for one`);
  }
  const wanted = (file: string): boolean =>
    isKept(file) ||
    (name === engine.name && engine.scripts !== 'all' ? engine.scripts.includes(file) : isScript(file));
  for (const file of readdirSync(source)) {
    if (wanted(file)) cpSync(join(source, file), join(target, file), { recursive: true });
  }
  for (const tuple of prebuildsFor(platform, source)) {
    cpSync(join(source, 'prebuilds', tuple), join(target, 'prebuilds', tuple), { recursive: true });
  }
  // What an engine is compiled from has terms of its own.
  for (const file of globSync('deps/**/{LICENSE,COPYING,NOTICE}*', { cwd: source })) {
    cpSync(join(source, file), join(target, file));
  }
  for (const needed of Object.keys(dependencies)) {
    if (!engine.notNeeded.includes(needed)) copyPackage(findPackage(needed, source), context);
  }
}

function isKept(file: string): boolean {
  return file === 'package.json' || /^(?:licen[cs]e|notice|copying)/i.test(file);
}

function isScript(file: string): boolean {
  return file === 'lib' || (file.endsWith('.js') && !/test/.test(file));
}

/** Folders of engines are called after a platform and one or more architectures, as `linux-x64` or `darwin-x64+arm64`. */
function prebuildsFor(platform: string, source: string): string[] {
  const folder = join(source, 'prebuilds');
  return existsSync(folder) ? readdirSync(folder).filter((tuple) => tuple === platform) : [];
}

/** The folder of a package, looked for as Node does it. */
function findPackage(name: string, from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(found, 'package.json'))) return found;
    if (folder === dirname(folder)) throw new Error(`the package ${name} is not installed: run npm ci first`);
  }
}

interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

function manifestOf(folder: string): PackageManifest {
  // Manifests of installed packages have a name and a version; npm has checked that.
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Omit<
    PackageManifest,
    'dependencies'
  > &
    Partial<PackageManifest>;
  return { name: manifest.name, version: manifest.version, dependencies: manifest.dependencies ?? {} };
}
