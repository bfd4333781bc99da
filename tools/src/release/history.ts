import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ReleaseClient } from 'nx/release';
import { newSubjects, partOf } from './commits.ts';

/**
 * `nx release changelog`, with the parts that our commits name in place of the types of conventional commits: nx drops
 * a commit whose type it is not told of, and which parts there will be is not known before.
 */
const { values, positionals } = parseArgs({
  options: { 'first-release': { type: 'boolean' }, 'dry-run': { type: 'boolean' } },
  allowPositionals: true,
});
const root = resolve(import.meta.dirname, '../../..');
const parts = [...new Set((await newSubjects(root)).map(partOf))].filter((part) => part !== undefined).sort();
const types = Object.fromEntries(parts.map((part) => [part, { changelog: { title: part } }]));
// What nx calls a commit that names several parts, or none.
const others = { __INVALID__: { changelog: { title: 'several parts', hidden: false } } };
const client = new ReleaseClient({ conventionalCommits: { types: { ...types, ...others } } });
const result = await client.releaseChangelog({
  ...(positionals[0] !== undefined && { version: positionals[0] }),
  firstRelease: values['first-release'] ?? false,
  dryRun: values['dry-run'] ?? false,
});
process.exit(result.workspaceChangelog === undefined ? 1 : 0);
