import { globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';

/** The folder of the checkout. */
export const root = resolve(import.meta.dirname, '../../..');

/** A package or app of the workspace, as far as its documentation needs it. */
export interface WorkspacePackage {
  /** As in `npm install <name>`. */
  readonly name: string;
  /** The name of its project, such as `raft`. */
  readonly project: string;
  /** Relative to the checkout, such as `packages/raft`. */
  readonly folder: string;
  readonly description: string;
  /** Its floor: `0` to `4`, or `app`. */
  readonly layer: string;
  /** Projects of this workspace that it needs when it runs. */
  readonly needs: readonly string[];
  /** Its doors: what is imported, and the source behind it. */
  readonly doors: readonly { readonly name: string; readonly source: string }[];
}

const manifest = z.object({
  name: z.string(),
  description: z.string(),
  exports: z.record(z.string(), z.unknown()).prefault({}),
  dependencies: z.record(z.string(), z.string()).prefault({}),
  nx: z.object({ name: z.string(), tags: z.array(z.string()) }),
});

/** All packages and apps, floor by floor from the ground, by name within a floor. */
export function workspacePackages(): readonly WorkspacePackage[] {
  const manifests = globSync(['packages/*/package.json', 'apps/*/package.json'], { cwd: root }).map(
    (path) => ({
      folder: dirname(path),
      ...manifest.parse(JSON.parse(readFileSync(join(root, path), 'utf8'))),
    }),
  );
  const projectOf = new Map(manifests.map(({ name, nx }) => [name, nx.name]));
  return manifests
    .map(({ name, description, folder, dependencies, exports, nx }) => ({
      ...{ name, description, folder },
      project: nx.name,
      layer: nx.tags.find((tag) => tag.startsWith('layer:'))?.slice('layer:'.length) ?? 'app',
      needs: Object.keys(dependencies).flatMap((needed) => projectOf.get(needed) ?? []),
      doors: Object.entries(exports).flatMap(([subpath, target]) => {
        const source = sourceOf(target);
        return source === undefined ? [] : [{ name: join(name, subpath), source: join(folder, source) }];
      }),
    }))
    .toSorted((a, b) => compare(a.layer, b.layer) || compare(a.name, b.name));
}

/** The TypeScript source behind an entry of `exports`; none for data, such as the manifest itself. */
function sourceOf(target: unknown): string | undefined {
  if (typeof target === 'string') return target.endsWith('.ts') ? target : undefined;
  if (typeof target !== 'object' || target === null) return undefined;
  return Object.values(target)
    .map(sourceOf)
    .find((source) => source !== undefined);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
