import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyEngine } from './engine-packages.ts';
import type { ImageSpec } from './image-specs.ts';
import { bundleProgram } from './programs.ts';

/** What an image holds of ours, and where it goes. */
export interface AppFolderOptions {
  /** The root of the checkout. */
  readonly root: string;
  /** What is `/usr/lib/quorate` in an image. */
  readonly outDir: string;
  /** As `linux-x64`. */
  readonly platform: string;
  readonly sourceMaps: boolean;
}

/** Writes the folder that an image has its programs in: commands, bundles, the engine of the store, licenses. */
export async function writeAppFolder(spec: ImageSpec, options: AppFolderOptions): Promise<void> {
  const { root, outDir, platform, sourceMaps } = options;
  mkdirSync(join(outDir, 'bin'), { recursive: true });
  // Commands have no ending; this says that they are modules.
  writeFileSync(join(outDir, 'package.json'), '{ "type": "module" }\n');
  cpSync(join(root, 'LICENSE'), join(outDir, 'LICENSE'));
  for (const command of spec.commands) {
    cpSync(join(root, 'deploy/images/bin', command), join(outDir, 'bin', command));
  }
  for (const program of spec.programs) {
    await bundleProgram(program, { root, outDir: join(outDir, program), sourceMaps });
  }
  if (spec.hasEngine) copyEngine({ root, outDir: join(outDir, 'node_modules'), platform });
}
