import { join } from 'node:path';
import { bundle } from '../bundle.ts';

/** A program that images hold as a bundle. */
export type ProgramName = 'server' | 'gateway' | 'ctl';

interface Program {
  readonly app: ProgramName;
  /** What it finds by its place, as `BundleOptions.modules`; paths from the root of the checkout. */
  readonly modules: Readonly<Record<string, string>>;
}

/**
 * Programs, and what a bundle of them must hold besides what they import. `health` and `defaults` are of the images
 * themselves: they are loaded by what `deploy/images/bin` holds.
 */
const programs: Readonly<Record<ProgramName, Program>> = {
  server: {
    app: 'server',
    modules: {
      'bcrypt-thread': 'packages/credentials/src/bcrypt-thread.ts',
      'inflate-thread': 'packages/rpc/src/lean/inflate-thread.ts',
      'io-thread': 'apps/server/src/io-thread.ts',
      defaults: 'tools/src/images/inside/member-defaults.ts',
      health: 'tools/src/images/inside/member-health.ts',
    },
  },
  gateway: { app: 'gateway', modules: { health: 'tools/src/images/inside/gateway-health.ts' } },
  ctl: { app: 'ctl', modules: {} },
};

/** Packages with native code stay packages: what they load lies beside them. */
const nativePackages = ['@nxtedition/rocksdb', '@nxtedition/rocksdb/binding.js', 'classic-level'];

/** What is bundled, and to where. */
export interface BundleProgramOptions {
  /** The root of the checkout. */
  readonly root: string;
  readonly outDir: string;
  readonly sourceMaps: boolean;
}

/** Bundles a program of this checkout; it begins with `main.js`, which exports `main`. */
export async function bundleProgram(name: ProgramName, options: BundleProgramOptions): Promise<void> {
  const { app, modules } = programs[name];
  const { root, outDir, sourceMaps } = options;
  await bundle({
    entry: join(root, 'apps', app, 'src/main.ts'),
    outDir,
    external: nativePackages,
    modules: Object.fromEntries(Object.entries(modules).map(([key, file]) => [key, join(root, file)])),
    sourceMaps,
  });
}
