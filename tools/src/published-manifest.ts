/** What we write into the package.json of a package or app. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

/** Fields that only the checkout needs. */
const ownFields = new Set(['nx', 'scripts', 'files', 'devDependencies', 'private']);

/** The package.json to publish: it names the compiled files, and nothing of the checkout. */
export function publishedManifest(manifest: Manifest): Record<string, unknown> {
  const fields = Object.entries(manifest).filter(([field]) => !ownFields.has(field));
  const published = Object.fromEntries(fields);
  if (manifest.exports !== undefined) {
    published['exports'] = Object.fromEntries(
      Object.entries(manifest.exports).map(([name, source]) => [name, compiledExport(source)]),
    );
  }
  return published;
}

function compiledExport(source: string): { types: string; default: string } {
  const path = source.replace(/\.ts$/, '');
  return { types: `${path}.d.ts`, default: `${path}.js` };
}
