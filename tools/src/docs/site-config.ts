import { readFileSync } from 'node:fs';
import { defineConfig, type DefaultTheme } from 'vitepress';
import { markdownOptions } from './markdown.ts';
import { addressOf } from './site-map.ts';

/** A page of the site: what the navigation needs of it. */
interface Page {
  readonly page: string;
  readonly title: string;
}

interface Packages {
  readonly packages: readonly { readonly project: string; readonly layer: string }[];
  readonly pages: readonly Page[];
}

/** The configuration of the site; `dataPath` is what `stage` has written down of its pages. */
export function siteConfig(dataPath: string) {
  // Written by `stage`, a moment ago.
  const data = JSON.parse(readFileSync(dataPath, 'utf8')) as Packages;
  return defineConfig({
    title: 'Quorate',
    description: 'etcd, re-made in TypeScript: the same API, the same log, the same hashes',
    lang: 'en',
    srcDir: '.vitepress/pages',
    outDir: '.vitepress/dist',
    cacheDir: '../node_modules/.cache/vitepress',
    cleanUrls: true,
    lastUpdated: false,
    // Documents name addresses on the reader's own machine.
    ignoreDeadLinks: 'localhostLinks',
    markdown: markdownOptions,
    head: [['link', { rel: 'icon', href: '/logo.svg', type: 'image/svg+xml' }]],
    themeConfig: {
      logo: '/logo.svg',
      outline: { level: [2, 3] },
      search: {
        provider: 'local',
        options: {
          miniSearch: {
            searchOptions: {
              // It is sent to browsers as it stands here. What explains goes before what lists.
              boostDocument: (id: string) =>
                /\/api(?:[/#]|$)|\/changelog/.test(id)
                  ? 0.3
                  : /^\/(?:guides|concepts|start)/.test(id)
                    ? 3
                    : 1,
            },
          },
        },
      },
      nav: [
        { text: 'Start', link: '/start' },
        { text: 'Guides', link: '/guides/', activeMatch: '^/(?:guides|concepts)/' },
        { text: 'Reference', link: '/reference/', activeMatch: '^/reference/' },
        { text: 'Packages', link: '/packages/', activeMatch: '^/packages/' },
        { text: 'Operations', link: '/operations/', activeMatch: '^/operations/' },
        { text: 'Compatibility', link: '/compatibility' },
      ],
      sidebar: { '/packages/': packagesSidebar(data), '/': mainSidebar(data.pages) },
      docFooter: { prev: 'Before', next: 'Next' },
      footer: { message: 'Licence: Apache-2.0' },
    },
    vite: {
      // The settings of the checkout are for TypeScript and Node, and say nothing to browsers.
      esbuild: { tsconfigRaw: '{}' },
      build: { chunkSizeWarningLimit: 4_000 },
    },
  });
}

const sections: readonly (readonly [string, readonly string[]])[] = [
  ['Introduction', ['start', 'concepts/index', 'guides/index']],
  [
    'Concepts',
    [
      'concepts/revisions',
      'concepts/transactions',
      'concepts/watches',
      'concepts/leases',
      'concepts/consistency',
      'concepts/raft',
    ],
  ],
  [
    'Guides',
    [
      'guides/typescript-client',
      'guides/locks-and-elections',
      'guides/watches',
      'guides/testing',
      'guides/gateway-and-json',
      'guides/auth-and-tls',
      'guides/proxies',
      'guides/from-etcd',
      'guides/deployment',
      'guides/monitoring',
      'guides/single-packages',
    ],
  ],
  [
    'Reference',
    [
      'reference/index',
      'reference/configuration',
      'reference/flags',
      'reference/quorate-gateway',
      'reference/quoratectl',
      'reference/api',
      'reference/errors',
      'reference/metrics',
      'reference/limits',
      'compatibility',
      'compatibility-notes',
    ],
  ],
  [
    'Operations',
    [
      'operations/index',
      'operations/runbook',
      'operations/compose',
      'operations/helm',
      'operations/images',
      'operations/systemd',
      'security',
      'changelog',
    ],
  ],
  ['Quality', ['quality/safety', 'quality/testing', 'quality/benchmarks', 'quality/abuse']],
  ['Inside', ['architecture', 'decisions/index', 'contributing', 'one-package', 'releasing']],
];

function mainSidebar(pages: readonly Page[]): DefaultTheme.SidebarItem[] {
  const byPath = new Map(pages.map((each) => [each.page, each]));
  return sections.map(([text, paths]) => ({
    text,
    items: paths.flatMap((path) => {
      const page = byPath.get(path);
      return page === undefined ? [] : [{ text: shortTitle(page), link: addressOf(path) }];
    }),
  }));
}

/** What stands in a list of pages: the title up to its colon. */
function shortTitle({ title }: Page): string {
  return title.split(':')[0] ?? title;
}

function packagesSidebar({ packages, pages }: Packages): DefaultTheme.SidebarItem[] {
  const items = packages.map(({ project, layer }) => ({
    text: layer === 'app' ? `${project} (program)` : project,
    collapsed: true,
    link: `/packages/${project}/`,
    items: pages
      .filter(({ page }) => page.startsWith(`packages/${project}/`) && !page.endsWith('/index'))
      .filter(({ page }) => page.split('/').length < 6)
      .toSorted((a, b) => (a.page < b.page ? -1 : 1))
      .map(({ page }) => ({ text: nameOf(page), link: addressOf(page) })),
  }));
  return [{ text: 'All packages', link: '/packages/', items }];
}

/** `packages/raft/api/testing` is `API: testing`. */
function nameOf(page: string): string {
  const [, , kind = '', ...rest] = page.split('/');
  const name = kind === 'api' ? 'API' : kind.replace('design', 'Design').replace('-', ' of ');
  return rest.length === 0 ? name : `${name}: ${rest.join('/')}`;
}
