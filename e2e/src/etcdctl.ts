import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { etcdBin } from './member-process.ts';

/** A command line for etcdctl, without the name of the program and the endpoints. */
export interface CtlCommand {
  readonly args: readonly string[];
  readonly stdin?: string;
  /** For a command that does not end by itself: it is killed once it has printed so many lines, which count. */
  readonly untilLines?: number;
}

/** What a command printed, and its exit code; the code is undefined when it was killed. */
export interface CtlOutcome {
  readonly stdout: string;
  readonly error: string;
  readonly code: number | undefined;
}

/** Runs the real etcdctl against an endpoint. */
export async function etcdctl(endpoint: string, command: CtlCommand): Promise<CtlOutcome> {
  if (etcdBin === undefined) throw new Error('QUORATE_ETCD_BIN names no folder with a real etcdctl');
  const child = spawn(join(etcdBin, 'etcdctl'), [`--endpoints=${endpoint}`, ...command.args], {
    env: { ...process.env, ETCDCTL_API: '3' },
  });
  let [stdout, stderr, isKilled] = ['', '', false];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    const lines = stdout.split('\n').length - 1;
    if (command.untilLines !== undefined && lines >= command.untilLines) isKilled = child.kill('SIGKILL');
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A command that does not read its input may be gone before it is written.
  child.stdin.on('error', () => {});
  child.stdin.end(command.stdin ?? '');
  await once(child, 'close');
  if (!isKilled) return { stdout, error: lastError(stderr), code: child.exitCode ?? undefined };
  // More may have come before the end, or not.
  const lines = stdout.split('\n').slice(0, command.untilLines);
  return { stdout: lines.join('\n'), error: lastError(stderr), code: undefined };
}

/** The last line that says what went wrong; lines of etcdctl's log come before it. */
function lastError(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{"level"'));
  return lines.at(-1) ?? '';
}
