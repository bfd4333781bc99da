import { createMarkdownRenderer, type MarkdownOptions, type MarkdownRenderer } from 'vitepress';

/** A link of a document to something that is not on the web. */
export interface DocumentLink {
  /** As it is written. */
  readonly href: string;
  /** The line where its paragraph begins, from 1. */
  readonly line: number;
}

/** A block of code between fences. */
export interface CodeBlock {
  /** What stands behind the opening fence. */
  readonly info: string;
  readonly language: string;
  readonly code: string;
  /** The line of the opening fence, from 1. */
  readonly line: number;
}

/** What a document is made of, as far as it is checked. */
export interface Document {
  /** The ids of its headings. */
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly DocumentLink[];
  readonly blocks: readonly CodeBlock[];
  /** The text of the first heading of the first level; empty without one. */
  readonly title: string;
}

/** How Markdown is read, here and by the site: headings have the ids that code hosts give them. */
export const markdownOptions: MarkdownOptions = {
  anchor: { slugify: anchorOf },
  theme: { light: 'github-light', dark: 'github-dark' },
  image: { lazyLoading: true },
};

/** The id of a heading: letters, digits, hyphens and underscores of its text, with hyphens for spaces. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

/** Reads documents as the site does. */
export class MarkdownReader {
  readonly #renderer: MarkdownRenderer;

  private constructor(renderer: MarkdownRenderer) {
    this.#renderer = renderer;
  }

  static async open(): Promise<MarkdownReader> {
    return new MarkdownReader(await createMarkdownRenderer('.', markdownOptions));
  }

  read(markdown: string): Document {
    const { body, linesBefore } = withoutFrontMatter(markdown);
    const tokens = this.#renderer.parse(body, {});
    const anchors = new Set<string>();
    const links: DocumentLink[] = [];
    const blocks: CodeBlock[] = [];
    let title = '';
    for (const [at, token] of tokens.entries()) {
      const line = (token.map?.[0] ?? 0) + linesBefore + 1;
      if (token.type === 'heading_open') {
        anchors.add(token.attrGet('id') ?? '');
        if (token.tag === 'h1' && title === '') title = tokens[at + 1]?.content ?? '';
      }
      if (token.type === 'fence') {
        const [language = ''] = token.info.split(' ');
        blocks.push({ info: token.info, language, code: token.content, line });
      }
      for (const child of token.children ?? []) {
        const href = child.attrGet('href') ?? child.attrGet('src');
        // The renderer puts a link to itself into each heading.
        const isOwn = child.type === 'link_open' && child.attrGet('class') === 'header-anchor';
        if (href !== null && !isOwn && !/^[a-z]+:/i.test(href)) links.push({ href: decodeURI(href), line });
      }
    }
    return { anchors, links, blocks, title };
  }
}

/** Front matter is the site's own: text for no reader. */
function withoutFrontMatter(markdown: string): { readonly body: string; readonly linesBefore: number } {
  const [front] = /^---\n[\s\S]*?^---\n/m.exec(markdown) ?? [];
  if (front === undefined || !markdown.startsWith(front)) return { body: markdown, linesBefore: 0 };
  return { body: markdown.slice(front.length), linesBefore: front.split('\n').length - 1 };
}
