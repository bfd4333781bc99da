import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Checks } from './checks.ts';
import { description, lastTag, newSubjects } from './commits.ts';
import { nxChangelog, nxVersion, type NxOptions } from './nx-release.ts';

/** Shows what the next version would change, and that looking at it changes nothing. */
export async function checkPreview(checks: Checks, nx: NxOptions, current: string): Promise<void> {
  const next = nextVersion(current);
  const before = fingerprint(nx.root);
  const preview = { version: next, isFirst: (await lastTag(nx.root)) === undefined, dryRun: true };
  await checks.check(`nx release gives every manifest the version ${next}`, async () => {
    const said = await nxVersion(nx, preview);
    for (const file of manifests(nx.root)) {
      assert.ok(
        said.includes(`New version ${next} written to manifest: ${file}\n`),
        `${file} keeps its version`,
      );
    }
    const added = said.split('\n').filter((line) => /^\+ +"@quorate\//.test(line));
    assert.ok(added.length > 0);
    for (const line of added) assert.match(line, new RegExp(`: "${next.replaceAll('.', '\\.')}",?$`));
  });
  await checks.check('nx release writes every commit into the history, by its part', async () => {
    const said = await nxChangelog(nx, preview);
    const subjects = await newSubjects(nx.root);
    for (const subject of subjects) {
      assert.ok(said.includes(description(subject)), `not there: ${subject}`);
    }
  });
  await checks.check('a preview leaves the checkout as it was', () => {
    assert.equal(fingerprint(nx.root), before);
  });
}

/** The next one that breaks nothing; which it will be is decided by hand. */
export function nextVersion(version: string): string {
  const [major = '0', minor = '0'] = version.split('.');
  return `${major}.${Number(minor) + 1}.0`;
}

function manifests(root: string): string[] {
  return globSync('{packages,apps}/*/package.json', { cwd: root });
}

/** A hash of all files that a release writes. */
function fingerprint(root: string): string {
  const hash = createHash('sha256');
  const written = [
    'package-lock.json',
    'CHANGELOG.md',
    'HISTORY.md',
    'e2e/package.json',
    'tools/package.json',
  ];
  for (const file of [...manifests(root), ...written].sort()) {
    hash.update(`${file}\0`).update(existsSync(join(root, file)) ? readFileSync(join(root, file)) : 'none');
  }
  return hash.digest('hex');
}
