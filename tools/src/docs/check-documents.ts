import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dataProblem } from './check-data.ts';
import { checkShell } from './check-shell.ts';
import { targetOf } from './links.ts';
import type { Document, MarkdownReader } from './markdown.ts';
import { generatedPages, pageOf } from './site-map.ts';
import { root, workspacePackages } from './workspace.ts';

/** Documents by their paths in the checkout, as they are read. */
export type Documents = ReadonlyMap<string, Document>;

/** Reads documents of the checkout. */
export function readDocuments(reader: MarkdownReader, paths: readonly string[]): Documents {
  return new Map(paths.map((path) => [path, reader.read(readFileSync(join(root, path), 'utf8'))]));
}

/**
 * Links that lead nowhere: to files that are not there, pages that the site does not have, and headings that are not on them.
 * Headings of pages that are made of code are not looked for.
 */
export function linkProblems(documents: Documents): string[] {
  const pages = new Map(
    [...documents].flatMap(([path, document]) => {
      const page = pageOf(path);
      return page === undefined ? [] : [[page, document] as const];
    }),
  );
  const generated = new Set<string>([
    ...Object.values(generatedPages),
    ...workspacePackages().flatMap(({ project, doors }) =>
      doors.length === 0 ? [] : [`packages/${project}/api`],
    ),
  ]);
  return [...documents].flatMap(([path, { links }]) =>
    links.flatMap(({ href, line }) => {
      const target = targetOf(path, href);
      const say = (problem: string): string[] => [`${path}:${line}: ${href}: ${problem}`];
      if (target.kind === 'nothing') return say('there is no such file');
      if (target.kind === 'file') return [];
      if (target.kind === 'page' && generated.has(target.page)) return [];
      const found = target.kind === 'document' ? documents.get(target.document) : pages.get(target.page);
      if (found === undefined) return target.kind === 'page' ? say('the site has no such page') : [];
      return target.anchor === '' || found.anchors.has(target.anchor) ? [] : say('there is no such heading');
    }),
  );
}

/** Commands that the programs would not take, and data that cannot be read. A block marked `sketch` is not looked at. */
export function blockProblems(documents: Documents): string[] {
  return [...documents].flatMap(([path, { blocks }]) =>
    blocks
      .filter(({ info }) => !isSketch(info))
      .flatMap((block) => {
        const data = dataProblem(block);
        if (data !== undefined) return [`${path}:${block.line}: this ${block.language} ${data}`];
        if (block.language !== 'sh' && block.language !== 'bash') return [];
        return checkShell(block.code).map(
          ({ line, problem }) => `${path}:${block.line + 1 + line}: ${problem}`,
        );
      }),
  );
}

/** Whether a block is there to be looked at, and not to be used as it is. */
export function isSketch(info: string): boolean {
  return info.split(' ').includes('sketch');
}
