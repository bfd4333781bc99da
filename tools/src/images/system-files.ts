import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  realpathSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { librariesOf } from './libraries.ts';

/**
 * The user that programs run as, and its group: the number that images without a distribution have come to use for
 * "not root". Volumes that are made elsewhere have to belong to it.
 */
export const userId = 65_532;

/** Certificates of public authorities, as Debian keeps them, and as other distributions do. */
const authorityFiles = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

const etcFiles: Readonly<Record<string, string>> = {
  passwd: [
    'root:x:0:0:root:/:/sbin/nologin',
    `quorate:x:${userId}:${userId}:Quorate:/var/lib/quorate:/sbin/nologin`,
    '',
  ].join('\n'),
  group: ['root:x:0:', `quorate:x:${userId}:`, ''].join('\n'),
  // Names of containers are in the hosts file or in the engine's DNS.
  'nsswitch.conf': 'hosts: files dns\n',
};

/** What the layer below the programs is made from. */
export interface SystemFilesOptions {
  /** Node, as a file. */
  readonly node: string;
  /** The folder to fill, as the root of an image. */
  readonly rootDir: string;
  /** The programs of the image, as `writeProgramFiles` wrote them: they may bring native code. */
  readonly programsDir: string;
}

/**
 * Writes what a distribution would bring: Node, the libraries that it and native code are linked to
 * with their licenses, authorities, names of users, and a folder for temporary files.
 */
export function writeSystemFiles({ node, rootDir, programsDir }: SystemFilesOptions): void {
  const binDir = join(rootDir, 'usr/local/bin');
  mkdirSync(binDir, { recursive: true });
  copyFileSync(realpathSync(node), join(binDir, 'node'));
  chmodSync(join(binDir, 'node'), 0o755);
  const engines = globSync('usr/lib/quorate/node_modules/**/*.node', { cwd: programsDir });
  for (const { path } of librariesOf([node, ...engines.map((file) => join(programsDir, file))])) {
    copyInto(rootDir, path);
    copyLicense(rootDir, path);
  }
  writeNodeLicense(rootDir);
  copyAuthorities(rootDir);
  for (const [name, text] of Object.entries(etcFiles)) writeFileSync(join(rootDir, 'etc', name), text);
  mkdirSync(join(rootDir, 'tmp'));
  mkdirSync(join(rootDir, 'var/lib'), { recursive: true });
}

/** Copies a file, without links on the way, to the same path below a folder. */
function copyInto(rootDir: string, path: string): void {
  const target = join(rootDir, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(path), target);
  chmodSync(target, 0o755);
}

/** Debian keeps the licenses of a library in a folder called as its package; the package is told by the name here. */
const packagesOfLibraries: Readonly<Record<string, string>> = {
  'libstdc++.so.6': 'libstdc++6',
  'libgcc_s.so.1': 'libgcc-s1',
  'libatomic.so.1': 'libatomic1',
};

function copyLicense(rootDir: string, library: string): void {
  const name = packagesOfLibraries[basename(library)] ?? 'libc6';
  const source = join('/usr/share/doc', name, 'copyright');
  if (!existsSync(source)) return;
  const target = join(rootDir, 'usr/share/licenses', name);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(source), target);
}

/** The package that Node comes in here has no text of its terms. */
function writeNodeLicense(rootDir: string): void {
  const folder = join(rootDir, 'usr/share/licenses/node');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'copyright'),
    `Node.js ${process.version}, copyright Node.js contributors, is under the MIT license; what it holds of others is under\n` +
      `theirs. All texts: https://github.com/nodejs/node/blob/${process.version}/LICENSE\n`,
  );
}

function copyAuthorities(rootDir: string): void {
  const source = authorityFiles.find((file) => existsSync(file));
  if (source === undefined) {
    throw new Error(
      `no certificates of authorities: install ca-certificates (looked for ${authorityFiles.join(', ')})`,
    );
  }
  const target = join(rootDir, 'etc/ssl/certs/ca-certificates.crt');
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
}
