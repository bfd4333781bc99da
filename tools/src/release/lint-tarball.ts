import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { CommandError, run } from './run.ts';

/** What publint has to say of a tarball; its suggestions count as much as its errors. */
export async function publintProblems(tarball: string): Promise<string[]> {
  const bytes = readFileSync(tarball);
  // A Buffer of a small file is a part of a larger one.
  const own = new Uint8Array(bytes).buffer;
  const { messages, pkg } = await publint({ pack: { tarball: own }, strict: true, level: 'suggestion' });
  return messages.map((message) => formatMessage(message, pkg, { color: false }) ?? message.code);
}

/**
 * What "are the types wrong" has to say of a tarball. Our packages are modules only, so that `require` of an old Node
 * does not find them is no problem of theirs: Node 22.12 and later load them.
 */
export async function attwProblems(root: string, tarball: string): Promise<string[]> {
  const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js');
  const args = [attw, '--profile=esm-only', '--no-definitely-typed', '--format=json', tarball];
  const output = await run(process.execPath, args, { cwd: root }).catch((error: unknown) => {
    if (error instanceof CommandError && error.stdout !== '') return error.stdout;
    throw error;
  });
  // attw's own format.
  const { analysis } = JSON.parse(output) as { analysis: AttwAnalysis };
  if (analysis.types === false) return ['it has no types'];
  return analysis.problems.filter((problem) => !isOfOtherModes(problem)).map(describe);
}

/** Without the trace of how a name was looked for, which fills pages. */
function describe(problem: AttwProblem): string {
  return JSON.stringify({ ...problem, trace: undefined });
}

interface AttwProblem {
  readonly kind: string;
  readonly resolutionKind?: string;
}

interface AttwAnalysis {
  readonly types: unknown;
  readonly problems: readonly AttwProblem[];
}

/** The profile decides on the exit code; the list has the problems of all modes. */
function isOfOtherModes({ resolutionKind }: AttwProblem): boolean {
  return resolutionKind === 'node10' || resolutionKind === 'node16-cjs';
}
