import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What makes a browser ask somebody: attributes of tags, and `url(…)` and `@import` of styles. */
const loading = [
  /<(?:script|img|iframe|source|video|audio|embed|object|track)\b[^>]*?\s(?:src|data|srcset)=["']?((?:https?:)?\/\/[^"'\s>]+)/gi,
  /<link\b[^>]*?\shref=["']?((?:https?:)?\/\/[^"'\s>]+)/gi,
  /\burl\(\s*["']?((?:https?:)?\/\/[^"')\s]+)/gi,
  /@import\s+["']((?:https?:)?\/\/[^"']+)/gi,
];

/** Addresses of other hosts that a page or style would have a browser load. */
export function foreignLoads(text: string): string[] {
  return loading.flatMap((pattern) => [...text.matchAll(pattern)].map(([, address]) => address ?? ''));
}

/** Pages and styles of a built site that load anything from elsewhere, one line each. */
export function siteProblems(folder: string): string[] {
  return globSync('**/*.{html,css}', { cwd: folder }).flatMap((file) =>
    foreignLoads(readFileSync(join(folder, file), 'utf8')).map((address) => `${file} loads ${address}`),
  );
}

/** Anchors within the site that no page has, one line each. */
export function anchorProblems(folder: string): string[] {
  const pages = new Map(
    globSync('**/*.html', { cwd: folder }).map((file) => [
      `/${file.replace(/(?:(?<=^|\/)index)?\.html$/, '')}`,
      readFileSync(join(folder, file), 'utf8'),
    ]),
  );
  const anchors = new Map(
    [...pages].map(([path, html]) => [
      path,
      new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)),
    ]),
  );
  return [...pages].flatMap(([path, html]) =>
    [...html.matchAll(/\shref="([^"#]*)#([^"]+)"/g)].flatMap(([, address = '', anchor = '']) => {
      if (/^[a-z]+:/i.test(address)) return [];
      const target = anchors.get(address === '' ? path : address);
      if (target === undefined) return [`${path} links to ${address}, which is no page`];
      return target.has(decodeURIComponent(anchor))
        ? []
        : [`${path} links to ${address}#${anchor}, which is not there`];
    }),
  );
}
