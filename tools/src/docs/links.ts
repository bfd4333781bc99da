import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { addressOf, pageOf } from './site-map.ts';
import { root } from './workspace.ts';

/** What a link of a document points to. */
export type LinkTarget =
  | { readonly kind: 'document'; readonly document: string; readonly anchor: string }
  | { readonly kind: 'page'; readonly page: string; readonly anchor: string }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'nothing' };

/**
 * What a link means, in a document of the checkout. A path that begins with `/` is one of the site; all others are relative to
 * the document. A folder with a README is that document.
 */
export function targetOf(document: string, href: string): LinkTarget {
  const [path = '', anchor = ''] = href.split('#');
  if (path === '') return { kind: 'document', document, anchor };
  if (path.startsWith('/')) return { kind: 'page', page: pageAt(path), anchor };
  const target = join(dirname(document), path).replace(/\/$/, '');
  if (target.startsWith('..') || !existsSync(join(root, target))) return { kind: 'nothing' };
  if (target.endsWith('.md')) return { kind: 'document', document: target, anchor };
  if (statSync(join(root, target)).isDirectory() && existsSync(join(root, target, 'README.md')))
    return { kind: 'document', document: join(target, 'README.md'), anchor };
  return { kind: 'file', path: target };
}

/** The page at an address of the site. */
function pageAt(address: string): string {
  const path = address.slice(1).replace(/\.(?:md|html)$/, '');
  return path === '' || path.endsWith('/') ? `${path}index` : path;
}

/**
 * The document with its links as the site needs them: to pages by their addresses. What the site does not show (sources,
 * tests, folders) stays as text without a link. Code is left alone; what is no tag does not look like one afterwards.
 */
export function forSite(document: string, markdown: string): string {
  let inCode = false;
  return markdown
    .split('\n')
    .map((line) => {
      if (/^\s*(?:```|~~~)/.test(line)) inCode = !inCode;
      return inCode ? line : withoutTags(withSiteLinks(document, line));
    })
    .join('\n');
}

function withSiteLinks(document: string, line: string): string {
  return line.replace(/\[((?:[^\][]|\[[^\]]*\])*)\]\(([^()\s]+)\)/g, (whole, text: string, href: string) =>
    siteLink(document, whole, text, href),
  );
}

/** `<name>` and `{{ name }}` in text are read by people, and not by the site. Its components begin with a capital. */
function withoutTags(line: string): string {
  return line
    .split(/(`+[^`]+`+)/)
    .map((part) =>
      part.startsWith('`')
        ? part
        : part.replace(/<(?=[a-z/])(?!br>|https?:)/g, '&lt;').replaceAll('{{', '&#123;&#123;'),
    )
    .join('');
}

function siteLink(document: string, whole: string, text: string, href: string): string {
  if (/^[a-z]+:/i.test(href) || href.startsWith('#') || href.startsWith('/')) return whole;
  const target = targetOf(document, href);
  const page = target.kind === 'document' ? pageOf(target.document) : undefined;
  if (target.kind !== 'document' || page === undefined) return text;
  return `[${text}](${addressOf(page)}${target.anchor === '' ? '' : `#${target.anchor}`})`;
}
