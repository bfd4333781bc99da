import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** How a process ended, and what it said. */
export interface RunResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `quorate` with these arguments to its end, for starts that are refused and questions such as `--version`. */
export function runQuorate(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  return run(process.execPath, [resolve(root, 'apps/server/bin/quorate.js'), ...args], env);
}

/** Runs a command in the root of the checkout to its end. */
export function run(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<RunResult> {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_'));
  const child = spawn(command, args, { cwd: root, env: { ...Object.fromEntries(inherited), ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done({ code, stdout, stderr }));
  });
}

/** The lines of a member's log. */
export function logLinesOf(output: string): Record<string, unknown>[] {
  const lines = output.split('\n').filter((line) => line !== '');
  // A line that is no JSON fails the test that reads it.
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}
