import { run } from './run.ts';

/** The part that a commit is about, such as `raft`; undefined when it names several, or none. */
export function partOf(subject: string): string | undefined {
  return split(subject)?.part;
}

/** What is behind the part that a commit names; of several parts, all of it. */
export function description(subject: string): string {
  return split(subject)?.description ?? subject;
}

function split(subject: string): { readonly part: string; readonly description: string } | undefined {
  const [, part, description] = /^([^\s():!]+)!?: (.+)$/.exec(subject) ?? [];
  return part === undefined || description === undefined ? undefined : { part, description };
}

/** The first lines of commits since the last version; before the first one, of all but the one that nx begins with. */
export async function newSubjects(root: string): Promise<string[]> {
  const tag = await lastTag(root);
  const range = tag === undefined ? ['--min-parents=1', 'HEAD'] : [`${tag}..HEAD`];
  const subjects = await run('git', ['log', '--format=%s', '--no-merges', ...range], { cwd: root });
  return subjects.split('\n').filter((subject) => subject !== '' && !subject.startsWith('Revert '));
}

/** The tag of the newest version, if there is one. */
export async function lastTag(root: string): Promise<string | undefined> {
  const args = ['tag', '--list', 'v*', '--merged', 'HEAD', '--sort=-version:refname'];
  const tags = await run('git', args, { cwd: root });
  return tags.split('\n').find((tag) => tag !== '');
}
