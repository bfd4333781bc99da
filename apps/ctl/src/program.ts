import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { textOf, type ByteString } from './byte-string.ts';
import { systemText } from './file.ts';
import { goQuote } from './go/quote.ts';

/** How a program ended. */
export interface ProgramEnd {
  /** The exit status; -1 when a signal ended it. */
  readonly status: number;
  /** What Go says of it: `exit status 3`, `signal: killed`. */
  readonly reason: ByteString;
}

/** How a program is run. */
export interface ProgramOptions {
  /** Aborting asks the program to end (SIGTERM); its end is waited for all the same. */
  readonly signal?: AbortSignal;
}

/** Runs a program with our stdout and stderr, and nothing on stdin. Rejects when it cannot be started. */
export function runProgram(
  command: readonly ByteString[],
  env: Readonly<Record<string, ByteString>>,
  { signal }: ProgramOptions = {},
): Promise<ProgramEnd> {
  const [name = '', ...args] = command.map(textOf);
  const added = Object.fromEntries(Object.entries(env).map(([key, value]) => [key, textOf(value)]));
  return new Promise((resolve, reject) => {
    const child = spawn(name, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...added },
    });
    const onAbort = () => void child.kill('SIGTERM');
    const detach = () => signal?.removeEventListener('abort', onAbort);
    signal?.addEventListener('abort', onAbort, { once: true });
    child.on('error', (error) => {
      detach();
      reject(error);
    });
    child.on('exit', (code, by) => {
      detach();
      resolve(programEnd(code, by));
    });
  });
}

/** What Go says of a program that cannot be started. */
export function failureToStart(command: readonly ByteString[], error: unknown): ByteString {
  const [name = ''] = command;
  if (name === '') return 'exec: no command';
  if (name.includes('/')) return `fork/exec ${name}: ${systemText(error)}`;
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  return `exec: ${goQuote(name)}: ${missing ? 'executable file not found in $PATH' : systemText(error)}`;
}

/** Go's names of the signals that programs end by, where they are not the system's. */
const signalNames = new Map<NodeJS.Signals, string>([
  ['SIGHUP', 'hangup'],
  ['SIGINT', 'interrupt'],
  ['SIGQUIT', 'quit'],
  ['SIGABRT', 'aborted'],
  ['SIGBUS', 'bus error'],
  ['SIGFPE', 'floating point exception'],
  ['SIGKILL', 'killed'],
  ['SIGSEGV', 'segmentation fault'],
  ['SIGPIPE', 'broken pipe'],
  ['SIGALRM', 'alarm clock'],
  ['SIGTERM', 'terminated'],
]);

function programEnd(code: number | null, by: NodeJS.Signals | null): ProgramEnd {
  if (by === null) return { status: code ?? -1, reason: `exit status ${code ?? -1}` };
  return { status: -1, reason: `signal: ${signalNames.get(by) ?? `signal ${constants.signals[by]}`}` };
}
