import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { askEngine, type Engine } from './engine.ts';
import type { CheckoutFacts } from './facts.ts';
import type { ImageSpec } from './image-specs.ts';
import { labelsOf } from './labels.ts';
import { writeProgramFiles } from './program-files.ts';
import { settleTree } from './settle-tree.ts';
import { writeSystemFiles } from './system-files.ts';

/** Largest size of an image, as engines count it: the bytes of its files. */
export const sizeMax = 200_000_000;

/**
 * Of what is not ours: it does not go with the commit, so that images of all programs and of one release after the other
 * share a layer while Node is the same.
 */
const systemTime = new Date(0);

/** What images are made from. */
export interface ContextOptions {
  /** The root of the checkout. */
  readonly root: string;
  /** A folder for the contexts of images, each in one of its name. */
  readonly outDir: string;
  readonly facts: CheckoutFacts;
  readonly sourceMaps: boolean;
  /** Leaves out what a base image brings: Node, libraries, users. */
  readonly isForBase: boolean;
}

/** A folder that an engine builds an image from. */
export interface ImageContext {
  readonly spec: ImageSpec;
  readonly dir: string;
  /** Of all files that the image will hold. */
  readonly sizeBytes: number;
}

/**
 * Makes the folder that an image is built from, with all that will be in it; what was there before is removed.
 *
 * @throws Error when the image would be larger than `sizeMax`
 */
export async function makeContext(spec: ImageSpec, options: ContextOptions): Promise<ImageContext> {
  const { root, outDir, facts, sourceMaps, isForBase } = options;
  const dir = join(outDir, spec.name);
  const systemDir = join(dir, 'system');
  const programsDir = join(dir, 'programs');
  const ownedDir = join(dir, 'owned');
  rmSync(dir, { recursive: true, force: true });
  const platform = `${process.platform}-${process.arch}`;
  await writeProgramFiles(spec, { root, rootDir: programsDir, platform, sourceMaps });
  // What the user may write to; it is copied to /var/lib.
  mkdirSync(join(ownedDir, 'quorate'), { recursive: true });
  settleTree(ownedDir, facts.time, { quorate: 0o700 });
  let sizeBytes = settleTree(programsDir, facts.time);
  if (!isForBase) {
    writeSystemFiles({ node: process.execPath, rootDir: systemDir, programsDir });
    cpSync(join(root, `deploy/images/Containerfile.${spec.name}`), join(dir, 'Containerfile'));
    sizeBytes += settleTree(systemDir, systemTime, { tmp: 0o1777 });
  }
  return { spec, dir, sizeBytes: checkedSize(spec.name, sizeBytes) };
}

/** @throws Error for a size above `sizeMax` */
export function checkedSize(name: string, sizeBytes: number): number {
  if (sizeBytes <= sizeMax) return sizeBytes;
  throw new Error(`${name} has ${megabytes(sizeBytes)}, and at most ${megabytes(sizeMax)} are allowed`);
}

/** A size as people say it. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** How an image is built from its context. */
export interface BuildOptions {
  readonly engine: Engine;
  readonly facts: CheckoutFacts;
  /** All names that the image gets. */
  readonly references: readonly string[];
}

/** Builds an image; returns the size that the engine gives it. @throws Error when the engine fails, or for its size */
export function buildImage({ spec, dir }: ImageContext, { engine, facts, references }: BuildOptions): number {
  const { title, description } = spec;
  const labels = Object.entries(labelsOf({ title, description, ...facts }));
  askEngine(engine, [
    'build',
    '--quiet',
    // Only this format has health checks.
    ...(engine.name === 'podman' ? ['--format', 'docker'] : []),
    ...references.flatMap((reference) => ['--tag', reference]),
    ...labels.flatMap(([name, value]) => ['--label', `${name}=${value}`]),
    '--file',
    join(dir, 'Containerfile'),
    dir,
  ]);
  const [reference = spec.name] = references;
  return checkedSize(
    spec.name,
    Number(askEngine(engine, ['image', 'inspect', '--format', '{{.Size}}', reference])),
  );
}
