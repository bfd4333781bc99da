/** The changelog, or the version, is not such that a version can be made of it; the text says what to do. */
export class ChangelogError extends Error {
  override readonly name = 'ChangelogError';
  readonly code = 'CHANGELOG_NOT_READY';
}

const heading = '## Unreleased';

/**
 * The changelog for people when a version is made: what was unreleased becomes that version's, and nothing else changes.
 *
 * @param date Such as `2026-11-23`.
 * @throws ChangelogError when nothing was unreleased, or the version is there already.
 */
export function closeChangelog(text: string, version: string, date: string): string {
  const lines = text.split('\n');
  const at = lines.indexOf(heading);
  if (at < 0)
    throw new ChangelogError(`the changelog has no heading "${heading}": add it above the last version`);
  const isHeading = (line: string): boolean => line.startsWith('## ');
  const end = lines.findIndex((line, index) => index > at && isHeading(line));
  const news = lines.slice(at + 1, end < 0 ? undefined : end);
  if (news.every((line) => line.trim() === '')) {
    throw new ChangelogError(`nothing is below "${heading}" in the changelog: say there what is new`);
  }
  if (lines.some((line) => line === `## ${version}` || line.startsWith(`## ${version} `))) {
    throw new ChangelogError(`the changelog has the version ${version} already`);
  }
  return lines.toSpliced(at + 1, 0, '', `## ${version} (${date})`).join('\n');
}
