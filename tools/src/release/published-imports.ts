import { globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';

/** What the files of a package import from outside of it. */
export interface PublishedImports {
  /** Names of packages, such as `@quorate/std`. */
  readonly packages: ReadonlySet<string>;
  /** Whether its declarations speak of Node's own types. */
  readonly needsNodeTypes: boolean;
}

/** Reads what the JavaScript and the declarations in a folder import. `candidates` may also be loaded by `require`. */
export function publishedImports(dir: string, candidates: readonly string[]): PublishedImports {
  const packages = new Set<string>();
  let needsNodeTypes = false;
  for (const file of globSync('{bin,bundle,src}/**/*.{js,d.ts}', { cwd: dir })) {
    const text = readFileSync(join(dir, file), 'utf8');
    const specifiers = importsOf(text).filter((specifier) => !specifier.startsWith('.'));
    for (const specifier of specifiers.filter((one) => !isBuiltin(one))) packages.add(packageOf(specifier));
    for (const name of candidates.filter((one) => isRequired(text, one))) packages.add(name);
    needsNodeTypes ||= file.endsWith('.d.ts') && (specifiers.some(isBuiltin) || namesNodeGlobals(text));
  }
  return { packages, needsNodeTypes };
}

/** All that a module imports, at once or when it is needed; in declarations also the types that are named in place. */
export function importsOf(text: string): string[] {
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, true);
  const references = typeReferenceDirectives.map(({ fileName }) =>
    fileName === 'node' ? 'node:process' : fileName,
  );
  // These the scanner of TypeScript does not tell of.
  const namespaces = [...text.matchAll(/^\s*export \* as \w+ from ['"]([^'"]+)['"]/gm)].map(
    ([, name = '']) => name,
  );
  return [...importedFiles.map(({ fileName }) => fileName), ...namespaces, ...references];
}

/** The package that a specifier such as `@quorate/std/testing` is of. */
export function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/');
}

/** What is found by `createRequire(...)('name/file.js')` is no import for a parser; the name is there as a whole string. */
function isRequired(text: string, name: string): boolean {
  return text.includes(`)('${name}'`) || text.includes(`)('${name}/`);
}

function namesNodeGlobals(text: string): boolean {
  const code = text.replaceAll(/\/\*[^]*?\*\//g, '');
  return /\bBuffer\b|\bNodeJS\.|\bAbortSignal\b/.test(code);
}
