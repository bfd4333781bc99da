import { beforeAll, describe, expect, test, vi } from 'vitest';
import {
  blockProblems,
  isSketch,
  linkProblems,
  readDocuments,
  type Documents,
} from '../src/docs/check-documents.ts';
import { typeProblems } from '../src/docs/check-types.ts';
import { MarkdownReader } from '../src/docs/markdown.ts';
import { documents } from '../src/docs/site-map.ts';

vi.setConfig({ testTimeout: 120_000 });

describe('of all documents of the checkout', () => {
  let all: Documents = new Map();
  beforeAll(async () => {
    all = readDocuments(await MarkdownReader.open(), documents());
  });

  test('links lead to files, pages and headings that are there', () => {
    expect(linkProblems(all)).toEqual([]);
  });

  test('commands are those that the programs take, and data can be read', () => {
    expect(blockProblems(all)).toEqual([]);
  });

  test('TypeScript has the types of the packages', () => {
    const blocks = [...all].flatMap(([document, { blocks }]) =>
      blocks
        .filter(({ language, info }) => language === 'ts' && !isSketch(info))
        .map(({ line, code }) => ({ document, line, code })),
    );
    expect(blocks.length).toBeGreaterThan(30);
    expect(typeProblems(blocks)).toEqual([]);
  });
});
