import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromLatin1, toLatin1 } from '@quorate/std';
import { run } from '../../src/app.ts';
import { bytesOfText, type ByteString } from '../../src/byte-string.ts';
import { LineReader, type Terminal } from '../../src/terminal.ts';

/** One command line. */
export interface Invocation {
  readonly argv: readonly ByteString[];
  readonly stdin?: ByteString;
  /** Beside the endpoint, which `undefined` takes away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** What to type behind `stdin`, once stdout matches. */
  readonly typed?: { readonly after: RegExp; readonly text: ByteString };
  /**
   * For a command that does not end by itself: once stdout matches, its stdin is closed (`then: 'end input'`), it gets
   * a SIGINT (`interrupt`), or it is killed; only then its exit code does not count.
   */
  readonly until?: { readonly stdout: RegExp; readonly then: 'kill' | 'end input' | 'interrupt' };
}

/** What a command line did. Stdout and stderr are byte strings. */
export interface Outcome {
  readonly stdout: ByteString;
  readonly stderr: ByteString;
  /** Undefined when the command was killed. */
  readonly code: number | undefined;
}

/** A command line tool under test. */
export type Tool = (invocation: Invocation) => Promise<Outcome>;

const quoratectlPath = fileURLToPath(new URL('../../bin/quoratectl.js', import.meta.url));

/** etcdctl from a folder of binaries. */
export function etcdctl(binFolder: string): Tool {
  return (invocation) => runProcess(join(binFolder, 'etcdctl'), [], invocation);
}

/** quoratectl as a process of its own. */
export const quoratectlProcess: Tool = (invocation) =>
  runProcess(process.execPath, [quoratectlPath], invocation);

/** quoratectl inside this process, unless the command must be stopped: a good deal faster. */
export const quoratectl: Tool = async (invocation) => {
  if (invocation.until !== undefined) return await quoratectlProcess(invocation);
  let stdout = '';
  let stderr = '';
  const stdin = new LineReader(oneChunk(invocation.stdin ?? ''));
  const terminal: Terminal = {
    argv: invocation.argv,
    env: { ...invocation.env },
    stdin,
    askSecret: async (prompt) => {
      stdout += prompt;
      const secret = await stdin.lineOrRest();
      stdout += '\n';
      return secret;
    },
    out: (text) => void (stdout += text),
    err: (text) => void (stderr += text),
    exec: () => Promise.reject(new Error('run commands with `until`, in a process')),
  };
  const code = await run(terminal);
  return { stdout, stderr, code };
};

async function* oneChunk(text: ByteString): AsyncGenerator<Uint8Array, void, undefined> {
  yield fromLatin1(text);
}

async function runProcess(
  program: string,
  before: readonly string[],
  { argv, stdin = '', env = {}, typed, until }: Invocation,
): Promise<Outcome> {
  const args = [...before, ...argv.map((argument) => Buffer.from(argument, 'latin1').toString())];
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('ETCDCTL_')),
  );
  // Contexts of whoever runs the tests are none of theirs.
  const child = spawn(program, args, { env: { ...inherited, XDG_CONFIG_HOME: '/nonexistent', ...env } });
  let [stdout, stderr, killed] = ['', '', false];
  let [toType, toEnd] = [typed, until];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += toLatin1(chunk);
    if (toType?.after.test(stdout) === true) {
      child.stdin.write(fromLatin1(toType.text));
      toType = undefined;
    }
    if (toEnd?.stdout.test(stdout) !== true) return;
    if (toEnd.then === 'end input') child.stdin.end();
    else if (toEnd.then === 'interrupt') child.kill('SIGINT');
    else killed = child.kill('SIGKILL');
    toEnd = undefined;
  });
  child.stderr.on('data', (chunk: Buffer) => void (stderr += toLatin1(chunk)));
  // A command that does not read its input may be gone before it is written.
  child.stdin.on('error', () => {});
  child.stdin.write(fromLatin1(stdin));
  if (until?.then !== 'end input') child.stdin.end();
  await once(child, 'close');
  return { stdout, stderr, code: killed ? undefined : (child.exitCode ?? undefined) };
}

/** A text as a byte string; for tests that write keys outside of ASCII. */
export const utf8 = bytesOfText;
