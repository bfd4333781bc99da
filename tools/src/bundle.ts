import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { rolldown } from 'rolldown';

/** What is bundled, and to where. */
export interface BundleOptions {
  /** The file that the program begins with. */
  readonly entry: string;
  /** The folder to write to; the program begins with its `main.js`. */
  readonly outDir: string;
  /** Packages that are loaded as packages, when they are needed at all. */
  readonly external: readonly string[];
  /**
   * Modules that are found by their place and not by an import, such as what a thread runs: by their names without an
   * ending, the files they are. They lie beside `main.js`.
   */
  readonly modules?: Readonly<Record<string, string>>;
  /** Whether maps to the sources lie beside the files; they do when this is left out. */
  readonly sourceMaps?: boolean;
}

/**
 * Puts a program and all that it imports into a few files, since each file that Node has to find and load takes time. What
 * the program imports only when it is needed stays in files of its own. The licenses of what others wrote come with it.
 */
export async function bundle(options: BundleOptions): Promise<void> {
  const { entry, outDir, external, modules = {}, sourceMaps = true } = options;
  const input = { ...modules, main: entry };
  const bundled = await rolldown({ input, platform: 'node', external: [...external] });
  try {
    const { output } = await bundled.write({
      dir: outDir,
      format: 'esm',
      entryFileNames: '[name].js',
      chunkFileNames: '[name]-[hash].js',
      sourcemap: sourceMaps,
    });
    const files = output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []));
    mkdirSync(outDir, { recursive: true });
    writeFileSync(join(outDir, 'LICENSES.txt'), licensesOf(packagesOf(files)));
  } finally {
    await bundled.close();
  }
}

/** The folders of the packages, other than ours, that files are from. */
function packagesOf(files: readonly string[]): string[] {
  const marker = `${sep}node_modules${sep}`;
  const folders = files.flatMap((file) => {
    const at = file.lastIndexOf(marker);
    if (at < 0) return [];
    const [first = '', second = ''] = file.slice(at + marker.length).split(sep);
    return [join(file.slice(0, at), 'node_modules', first.startsWith('@') ? join(first, second) : first)];
  });
  return [...new Set(folders)].sort();
}

function licensesOf(folders: readonly string[]): string {
  const texts = folders.map((folder) => {
    // Manifests of packages all have these.
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const [file] = globSync('{LICENSE,LICENCE,license,licence}*', { cwd: folder }).sort();
    const text =
      file !== undefined && existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : '';
    const title = `${String(manifest['name'])} ${String(manifest['version'])}: ${String(manifest['license'])}`;
    return `${title}\n\n${text.trim()}\n`;
  });
  return `This folder holds code of these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}
