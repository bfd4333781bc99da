import { globSync } from 'node:fs';
import { root } from './workspace.ts';

/** Documents of the checkout and where the site shows them. */
const moved: Readonly<Record<string, string>> = {
  'CHANGELOG.md': 'changelog',
  'CONTRIBUTING.md': 'contributing',
  'SECURITY.md': 'security',
  'deploy/README.md': 'operations/index',
  'docs/flags.md': 'reference/flags',
  'docs/runbook.md': 'operations/runbook',
  'docs/benchmarks.md': 'quality/benchmarks',
  'docs/abuse.md': 'quality/abuse',
  'docs/safety.md': 'quality/safety',
  'docs/testing.md': 'quality/testing',
  'docs/releasing.md': 'releasing',
  'docs/compatibility.md': 'compatibility-notes',
};

/** Pages that are made of code, by their paths. */
export const generatedPages = {
  metrics: 'reference/metrics',
  quoratectl: 'reference/quoratectl',
  gateway: 'reference/quorate-gateway',
  api: 'reference/api',
  errors: 'reference/errors',
  compatibility: 'compatibility',
  packages: 'packages/index',
  decisions: 'decisions/index',
} as const;

/**
 * Where the site shows a document of the checkout: the path of its page, without an extension. `README.md` of the checkout
 * has none: `docs/start.md` and what is beside it stand for it.
 */
export function pageOf(document: string): string | undefined {
  const known = moved[document];
  if (known !== undefined) return known;
  const [, inDocs] = /^docs\/(.+)\.md$/.exec(document) ?? [];
  if (inDocs !== undefined) return inDocs;
  const [, project, name = ''] = /^(?:packages|apps)\/([^/]+)\/([^/]+)\.md$/.exec(document) ?? [];
  if (project !== undefined)
    return name === 'README' ? `packages/${project}/index` : `packages/${project}/${name.toLowerCase()}`;
  const [, deployed] = /^deploy\/([^/]+)\/(?:[^/]+\/)*README\.md$/.exec(document) ?? [];
  if (deployed !== undefined) return `operations/${deployed}`;
  return document === 'README.md' ? 'index' : undefined;
}

/** The documents of the checkout that are pages, in no order. */
export function pagedDocuments(): readonly string[] {
  return documents().filter((document) => document !== 'README.md' && pageOf(document) !== undefined);
}

/** All documents for readers: those of the checkout, of `docs`, and of the packages. */
export function documents(): readonly string[] {
  return globSync(['*.md', 'docs/**/*.md', 'packages/*/*.md', 'apps/*/*.md', 'e2e/*.md', 'deploy/**/*.md'], {
    cwd: root,
    exclude: ['**/node_modules/**', '**/dist/**', 'docs/.vitepress/**'],
  });
}

/** The address of a page: what a browser asks for. */
export function addressOf(page: string): string {
  return `/${page.replace(/(^|\/)index$/, '$1')}`;
}
