import { globSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { importsOf } from './published-imports.ts';

/** How the files of a package hang together. */
export interface ModuleGraph {
  /** Modules in `src`, `bin` and `bundle`, without their endings, that no door and no command leads to. */
  readonly unreachable: readonly string[];
  /** Imports of files that are not there, as `from: to`. */
  readonly broken: readonly string[];
}

/** Follows the imports of a package's files from those that its manifest names, such as `src/index.js`. */
export function moduleGraph(dir: string, entries: readonly string[]): ModuleGraph {
  const files = new Set(globSync(['{bin,bundle,src}/**/*.{js,d.ts}', 'package.json'], { cwd: dir }));
  const reached = new Set<string>();
  const broken: string[] = [];
  const pending = [...entries];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    for (const specifier of relativeImports(readFileSync(join(dir, file), 'utf8'))) {
      const target = resolve(file, specifier);
      if (files.has(target)) pending.push(target);
      else broken.push(`${file}: ${specifier}`);
    }
  }
  // Of a module that holds nothing but types, only the declarations are asked for.
  const modules = new Set([...reached, 'package.json'].map(stem));
  const unreachable = [...new Set([...files].map(stem))].filter(
    (name) => !modules.has(name) && !isOnlyTypes(join(dir, `${name}.js`)),
  );
  return { unreachable: unreachable.sort(), broken };
}

/** Such a module is for the other sources of its package alone; what is left of it is next to nothing. */
function isOnlyTypes(file: string): boolean {
  const code = readFileSync(file, 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*/g, '');
  return code.trim() === 'export {};';
}

function stem(file: string): string {
  return file.replace(/(?:\.d\.ts|\.js)$/, '');
}

/** Imports by path, and files that are named by their place: modules that a thread runs. */
function relativeImports(text: string): string[] {
  const beside = [
    ...text.matchAll(/new URL\(\s*[`'"](\.\/[\w./-]+?)(?:\.js)?(?:\$\{[^`]*)?[`'"]\s*,\s*import\.meta/g),
  ];
  const places = beside.map(([, path = '']) => `${path}.js`);
  return [...importsOf(text).filter((specifier) => specifier.startsWith('.')), ...places];
}

/** Declarations name the `.js` or `.ts` file that they are the types of. */
function resolve(file: string, specifier: string): string {
  const target = posix.join(posix.dirname(file), specifier);
  return file.endsWith('.d.ts') ? target.replace(/(?<!\.d)\.[jt]s$/, '.d.ts') : target;
}
