import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyEngine } from './engine-packages.ts';
import type { ImageSpec } from './image-specs.ts';
import { bundleProgram } from './programs.ts';

/** What an image holds of ours, and where it goes. */
export interface ProgramFilesOptions {
  /** The root of the checkout. */
  readonly root: string;
  /** The root of the image. */
  readonly rootDir: string;
  /** As `linux-x64`. */
  readonly platform: string;
  readonly sourceMaps: boolean;
}

/**
 * Writes the programs of an image: commands, bundles, the engine of the store, licenses, all in `/usr/lib/quorate`, and
 * links to the commands in `/usr/local/bin`.
 */
export async function writeProgramFiles(spec: ImageSpec, options: ProgramFilesOptions): Promise<void> {
  const { root, rootDir, platform, sourceMaps } = options;
  const appDir = join(rootDir, 'usr/lib/quorate');
  const binDir = join(rootDir, 'usr/local/bin');
  mkdirSync(join(appDir, 'bin'), { recursive: true });
  mkdirSync(binDir, { recursive: true });
  // Commands have no ending; this says that they are modules.
  writeFileSync(join(appDir, 'package.json'), '{ "type": "module" }\n');
  cpSync(join(root, 'LICENSE'), join(appDir, 'LICENSE'));
  for (const command of spec.commands) {
    cpSync(join(root, 'deploy/images/bin', command), join(appDir, 'bin', command));
    symlinkSync(`../../lib/quorate/bin/${command}`, join(binDir, command));
  }
  for (const program of spec.programs) {
    await bundleProgram(program, { root, outDir: join(appDir, program), sourceMaps });
  }
  if (spec.hasEngine) copyEngine({ root, outDir: join(appDir, 'node_modules'), platform });
}
