import type { PublishedImports } from './release/published-imports.ts';

/** What we write into the package.json of a package or app. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly engines?: { readonly node: string };
  readonly [field: string]: unknown;
}

/** What the manifests of all packages have from the workspace. */
export interface Workspace {
  /** The package.json of the root: where the project lives, and what it uses for development. */
  readonly manifest: {
    readonly devDependencies?: Readonly<Record<string, string>>;
    readonly repository?: { readonly type: string; readonly url: string };
    readonly homepage?: string;
    readonly bugs?: { readonly url: string };
  };
  /** The folder of the package in it, such as `packages/std`. */
  readonly path: string;
}

/** Fields that only the checkout needs. */
const ownFields = new Set(['nx', 'scripts', 'devDependencies', 'private']);

/**
 * The package.json to publish: it names the compiled files, depends on what these import and on nothing else, and says
 * nothing of the checkout. What published files import beside that, and the workspace has for its development (test
 * runners, types of Node), is an optional peer: whoever uses that part of the package has it already.
 *
 * @throws Error when published files import a package that is neither.
 */
export function publishedManifest(
  manifest: Manifest,
  imports: PublishedImports,
  { manifest: root, path }: Workspace,
): Record<string, unknown> {
  const { dependencies = {}, exports, files = [], ...fields } = manifest;
  const kept = Object.entries(fields).filter(([field]) => !ownFields.has(field));
  const { repository, homepage, bugs } = root;
  return {
    ...Object.fromEntries(kept),
    ...(homepage !== undefined && { homepage }),
    ...(repository !== undefined && { repository: { ...repository, directory: path } }),
    ...(bugs !== undefined && { bugs }),
    ...(exports !== undefined && { exports: compiledExports(exports, files) }),
    files: files.filter((pattern) => !pattern.startsWith('!')),
    dependencies: Object.fromEntries(
      Object.entries(dependencies).filter(([name]) => imports.packages.has(name)),
    ),
    ...optionalPeers(manifest, imports, root.devDependencies ?? {}),
  };
}

/** The doors of a package whose files are published. */
function compiledExports(
  exports: Readonly<Record<string, string>>,
  files: readonly string[],
): Record<string, { types: string; default: string }> {
  const hidden = files.filter((pattern) => pattern.startsWith('!')).map((pattern) => `./${pattern.slice(1)}`);
  const published = Object.entries(exports).filter(
    ([, source]) => !hidden.some((path) => source === path || source.startsWith(`${path}/`)),
  );
  return Object.fromEntries(published.map(([name, source]) => [name, compiledExport(source)]));
}

function compiledExport(source: string): { types: string; default: string } {
  const path = source.replace(/\.ts$/, '');
  return { types: `${path}.d.ts`, default: `${path}.js` };
}

/** Every version from the major one on that we test with will do; of Node's types, from that of the oldest Node. */
function optionalPeers(
  { name: own, dependencies = {}, engines }: Manifest,
  { packages, needsNodeTypes }: PublishedImports,
  devDependencies: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const undeclared = [...packages].filter((name) => name !== own && dependencies[name] === undefined);
  const names = [...undeclared, ...(needsNodeTypes ? ['@types/node'] : [])].sort();
  if (names.length === 0) return {};
  const peers = names.map((name) => {
    const version = name === '@types/node' ? engines?.node.replace('>=', '') : devDependencies[name];
    if (version === undefined) throw new Error(`${own} imports ${name}, which it does not depend on`);
    return [name, `>=${version.split('.')[0] ?? version}`] as const;
  });
  return {
    peerDependencies: Object.fromEntries(peers),
    peerDependenciesMeta: Object.fromEntries(names.map((name) => [name, { optional: true }])),
  };
}
