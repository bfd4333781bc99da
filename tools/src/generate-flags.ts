import { flagsPage } from '@quorate/server/config';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';

/**
 * Writes `docs/flags.md` from the schema of the server's configuration. With `--check` it only compares, and
 * ends with 1 when the page is not up to date.
 */
const path = join(resolve(import.meta.dirname, '../..'), 'docs/flags.md');
const page = await format(flagsPage(), { ...(await resolveConfig(path)), parser: 'markdown' });

if (!process.argv.includes('--check')) {
  writeFileSync(path, page);
} else if (readFileSync(path, 'utf8') === page) {
  console.log('docs/flags.md is up to date');
} else {
  console.error('docs/flags.md differs from the schema: run "npm run generate:flags" and commit the result.');
  process.exitCode = 1;
}
