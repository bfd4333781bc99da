import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { root } from './workspace.ts';

const areas = z.array(
  z.object({
    area: z.string(),
    features: z.array(
      z.object({
        id: z.number(),
        feature: z.string(),
        since: z.string(),
        state: z.string(),
        remark: z.string().optional(),
        tests: z.array(z.string()),
      }),
    ),
  }),
);

/** Features of etcd by their areas, each with its state here and the tests that show it. */
export type CompatibilityTable = z.infer<typeof areas>;

/** Reads `docs/compatibility.yaml`. @throws ZodError when it is not of that shape */
export function compatibilityTable(): CompatibilityTable {
  return areas.parse(parse(readFileSync(join(root, 'docs/compatibility.yaml'), 'utf8')));
}

/** The page of the table; `notes` is the document that stands beside it, if there is one. */
export function compatibilityPage(notes: string | undefined): string {
  return [
    ...['---', 'outline: false', 'aside: false', 'pageClass: wide', '---', ''],
    '# Compatibility with etcd',
    '',
    'Every feature of etcd, its state in Quorate, and the tests that show it. Where something differs, the remark says how.',
    '',
    '<CompatibilityTable />',
    '',
    ...(notes === undefined ? [] : ['More, in words: [notes on compatibility](/compatibility-notes).', '']),
  ].join('\n');
}
