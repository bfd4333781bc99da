import { execFile } from 'node:child_process';

/** Where and for how long a command runs. */
export interface RunOptions {
  readonly cwd: string;
  /** Beside, or in place of, what this process has in its environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** A command that ended with another code than 0, or not in time; its text has what the command wrote. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code = 'COMMAND_FAILED';
  /** What the command wrote to its standard output. */
  readonly stdout: string;

  constructor(command: string, reason: string, stdout: string, stderr: string) {
    super(`${command}: ${reason}\n${stdout}${stderr}`.trimEnd());
    this.stdout = stdout;
  }
}

/**
 * Runs a command to its end, with nothing to read.
 *
 * @returns What it wrote to its standard output.
 * @throws CommandError
 */
export async function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { cwd, env, timeoutMs = 300_000, signal } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      {
        cwd,
        env: { ...process.env, ...env },
        timeout: timeoutMs,
        maxBuffer: 64 * 1024 * 1024,
        ...(signal !== undefined && { signal }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const reason =
          error.killed === true ? `did not end in ${timeoutMs} ms` : error.message.split('\n')[0];
        reject(new CommandError([command, ...args].join(' '), reason ?? 'failed', stdout, stderr));
      },
    );
    child.stdin?.end();
  });
}
