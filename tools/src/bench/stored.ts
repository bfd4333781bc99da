import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { root } from './options.ts';
import { resultNames, type BenchResult } from './results.ts';

/** Below the folder of the page: the data that it is made of, a file for each section. */
export const dataFolder = 'benchmarks';
export const pageFile = 'benchmarks.md';

/** `inProcess` is in `in-process.json`, as `--only` calls it. */
export function fileOf(name: keyof BenchResult): string {
  return `${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.json`;
}

/** What earlier runs have stored in a folder. */
export async function readStored(target: string): Promise<BenchResult> {
  const stored: Record<string, unknown> = {};
  for (const name of resultNames) {
    const file = join(target, dataFolder, fileOf(name));
    if (existsSync(file)) stored[name] = JSON.parse(await readFile(file, 'utf8'));
  }
  return stored; // Nobody else writes these files.
}

/** Stores what was measured, section by section, and the page. */
export async function writeStored(
  target: string,
  { measured, page }: { readonly measured: BenchResult; readonly page: string },
): Promise<void> {
  await mkdir(join(target, dataFolder), { recursive: true });
  for (const name of resultNames) {
    const section = measured[name];
    if (section === undefined) continue;
    const text = await formatted(JSON.stringify(section, null, 2), 'json');
    await writeFile(join(target, dataFolder, fileOf(name)), text);
  }
  await writeFile(join(target, pageFile), page);
}

/** The page as the formatter wants it. */
export function formatPage(page: string): Promise<string> {
  return formatted(page, 'markdown');
}

async function formatted(text: string, parser: 'json' | 'markdown'): Promise<string> {
  const config = await resolveConfig(join(root, 'docs', pageFile));
  return format(text, { ...config, parser, proseWrap: 'always' });
}
