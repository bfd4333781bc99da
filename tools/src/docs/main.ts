import { rmSync, watchFile } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build, createServer } from 'vitepress';
import { anchorProblems, siteProblems } from './check-site.ts';
import { pagedDocuments } from './site-map.ts';
import { restage, stage } from './stage.ts';
import { root } from './workspace.ts';

const usage = `npm run docs -- [options]

Builds the site of the documentation into docs/.vitepress/dist, and checks it.

  --serve   show it at http://127.0.0.1:5173 instead, and again whenever a document changes; what is made of code stays
            as it was at the start
  --help    this text
`;

/** `npm run docs`: lays out the pages, builds the site of them, and makes sure of what was built. */
async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { serve: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const startMs = performance.now();
  const say = (text: string): void =>
    console.log(`${((performance.now() - startMs) / 1_000).toFixed(1)} s: ${text}`);
  const { pages } = await stage();
  say(`${pages.length} pages are laid out`);
  const folder = join(root, 'docs');
  if (values.serve) {
    const server = await createServer(folder, { host: '127.0.0.1' });
    await server.listen();
    for (const document of pagedDocuments())
      watchFile(join(root, document), { interval: 300 }, () => restage(document));
    server.printUrls();
    return 0;
  }
  const output = join(folder, '.vitepress/dist');
  rmSync(output, { recursive: true, force: true });
  await build(folder);
  say('the site is built');
  const problems = [...siteProblems(output), ...anchorProblems(output)];
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) say('nothing is loaded from elsewhere, and every link leads somewhere');
  return problems.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
