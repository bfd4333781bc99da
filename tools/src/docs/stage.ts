import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { apiPage } from './api-page.ts';
import { apiReference } from './api-reference.ts';
import { compatibilityPage, compatibilityTable } from './compatibility-page.ts';
import { ctlPage } from './ctl-page.ts';
import { errorsPage } from './errors-page.ts';
import { gatewayPage } from './gateway-page.ts';
import { forSite } from './links.ts';
import { metricsOf, metricsPage, type ScrapedProgram } from './metrics-page.ts';
import { packageGraph } from './package-graph.ts';
import { decisionsPage, packagesPage } from './package-pages.ts';
import { scrapePrograms } from './scrape.ts';
import { generatedPages, pagedDocuments, pageOf } from './site-map.ts';
import { root, workspacePackages } from './workspace.ts';

/** Where the pages are laid out before the site is built of them. */
export const stageFolder = join(root, 'docs/.vitepress/pages');

/** Data of pages, for the components and the navigation of the site. */
export const dataFile = join(stageFolder, 'data.json');

/** What pages are there, for the navigation. */
export interface SiteData {
  readonly pages: readonly { readonly page: string; readonly title: string }[];
  readonly graph: ReturnType<typeof packageGraph>;
  readonly compatibility: ReturnType<typeof compatibilityTable>;
  readonly packages: readonly { readonly project: string; readonly layer: string; readonly name: string }[];
}

/**
 * Lays out all pages of the site as Markdown: the documents of the checkout, and what is made of code.
 *
 * @throws Error when comments in the sources refer to what is not there
 */
export async function stage(): Promise<SiteData> {
  const packages = workspacePackages();
  const [reference, programs] = [await apiReference(packages), await scrapePrograms()];
  if (reference.warnings.length > 0)
    throw new Error(`comments that lead nowhere:\n${reference.warnings.join('\n')}`);
  const pages = new Map<string, string>([...pagedDocuments().map(documentPage), ...reference.pages]);
  const unknown = unknownMetrics(pages, programs);
  if (unknown.length > 0) throw new Error(`metrics that no program has:\n${unknown.join('\n')}`);
  const hasNotes = pages.has('compatibility-notes');
  const decisions = [...pages].filter(([page]) => page.startsWith('decisions/'));
  const made: Readonly<Record<keyof typeof generatedPages, string>> = {
    metrics: metricsPage(programs),
    quoratectl: ctlPage(),
    gateway: gatewayPage(),
    api: apiPage(),
    errors: errorsPage(reference.errors, packages),
    compatibility: compatibilityPage(hasNotes ? 'compatibility-notes' : undefined),
    packages: packagesPage(packages),
    decisions: decisionsPage(decisions.map(titled).toSorted((a, b) => (a.page < b.page ? -1 : 1))),
  };
  for (const [name, markdown] of Object.entries(made)) {
    // The keys of the table are those of `generatedPages`: its type says so.
    pages.set(generatedPages[name as keyof typeof generatedPages], markdown);
  }
  const data: SiteData = {
    pages: [...pages].map(titled),
    graph: packageGraph(packages),
    compatibility: compatibilityTable(),
    packages: packages.map(({ project, layer, name }) => ({ project, layer, name })),
  };
  write(pages, data);
  return data;
}

/** Lays out the page of one document again, after it has changed. */
export function restage(document: string): void {
  const [page, markdown] = documentPage(document);
  writePage(page, markdown);
}

function documentPage(document: string): [page: string, markdown: string] {
  return [pageOf(document) ?? document, forSite(document, readFileSync(join(root, document), 'utf8'))];
}

/** Names of metrics that stand on the pages for operators, and that no program told. */
function unknownMetrics(pages: ReadonlyMap<string, string>, programs: readonly ScrapedProgram[]): string[] {
  const known = new Set(programs.flatMap(({ text }) => metricsOf(text).map(({ name }) => name)));
  return ['guides/monitoring', 'operations/runbook'].flatMap((page) =>
    [...(pages.get(page) ?? '').matchAll(/`((?:etcd|quorate|grpc|nodejs|process)_[a-z0-9_]+[a-z0-9])`/g)]
      .map(([, name = '']) => name)
      .filter((name) => !known.has(name) && !known.has(name.replace(/_(?:bucket|sum|count)$/, '')))
      .map((name) => `${page}: ${name}`),
  );
}

function titled([page, markdown]: readonly [string, string]): {
  readonly page: string;
  readonly title: string;
} {
  return { page, title: /^# (.*)$/m.exec(markdown)?.[1]?.replaceAll('`', '') ?? page };
}

/** Pages of large tables have the whole width, and no list of their headings beside them. */
function isWide(page: string): boolean {
  return /^(?:quality|security$|reference\/(?:flags|metrics|quorate-gateway|limits|errors|index))/.test(page);
}

const wide = '---\npageClass: wide\naside: false\n---\n\n';

function write(pages: ReadonlyMap<string, string>, data: SiteData): void {
  rmSync(stageFolder, { recursive: true, force: true });
  for (const [page, markdown] of pages) writePage(page, markdown);
  writeFileSync(dataFile, JSON.stringify(data));
  const files = join(root, 'docs/public');
  if (existsSync(files)) cpSync(files, join(stageFolder, 'public'), { recursive: true });
}

function writePage(page: string, markdown: string): void {
  const path = join(stageFolder, `${page}.md`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, isWide(page) ? `${wide}${markdown}` : markdown);
}
