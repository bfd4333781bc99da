import { globSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PublishedPackage } from './consumer.ts';
import { run } from './run.ts';

/** A package or app of the workspace, built. */
export interface BuiltPackage extends PublishedPackage {
  /** Its last name, such as `std`. */
  readonly id: string;
}

/** All that is in a `dist/` of the workspace, by name. */
export function builtPackages(root: string): BuiltPackage[] {
  return globSync('{packages,apps}/*/dist/package.json', { cwd: root })
    .map((file) => {
      // The build wrote it.
      const manifest = JSON.parse(readFileSync(join(root, file), 'utf8')) as PublishedPackage;
      return { ...manifest, id: dirname(dirname(file)).split('/')[1] ?? '' };
    })
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** How large a tarball is, packed and unpacked. */
export interface PackageSize {
  readonly name: string;
  readonly packedBytes: number;
  readonly unpackedBytes: number;
  readonly files: number;
}

/** Unpacks a tarball into a folder; its files are then in `package`. */
export async function unpack(tarball: string, dir: string): Promise<string> {
  await mkdir(dir, { recursive: true });
  await run('tar', ['-xzf', tarball], { cwd: dir });
  return join(dir, 'package');
}

/** Looks at a tarball and at what it was unpacked to. */
export function sizeOf(name: string, tarball: string, dir: string): PackageSize {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.map((entry) => statSync(join(entry.parentPath, entry.name)).size);
  return {
    name,
    packedBytes: statSync(tarball).size,
    unpackedBytes: bytes.reduce((sum, size) => sum + size, 0),
    files: files.length,
  };
}

/** A table for people, the largest first. */
export function sizeTable(sizes: readonly PackageSize[]): string {
  const sorted = [...sizes].sort((a, b) => b.packedBytes - a.packedBytes);
  const sum = (of: (size: PackageSize) => number): number =>
    sizes.reduce((total, size) => total + of(size), 0);
  const total = {
    name: 'all',
    packedBytes: sum((size) => size.packedBytes),
    unpackedBytes: sum((size) => size.unpackedBytes),
    files: sum((size) => size.files),
  };
  const rows = [...sorted, total].map(({ name, packedBytes, unpackedBytes, files }) => [
    name,
    kib(packedBytes),
    kib(unpackedBytes),
    String(files),
  ]);
  return [['package', 'packed', 'unpacked', 'files'], ...rows].map(line).join('\n');
}

function line([name = '', ...numbers]: readonly string[]): string {
  return `${name.padEnd(26)}${numbers.map((text) => text.padStart(12)).join('')}`;
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(0)} KiB`;
}
