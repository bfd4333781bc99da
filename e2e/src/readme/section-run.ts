import { startServer } from '@quorate/server';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { freePort } from '../member-process.ts';
import { matches, type Section, type Step, type TestedBlock } from './blocks.ts';

const root = resolve(import.meta.dirname, '../../..');
const programs = join(root, 'node_modules/.bin');

/** The port of the member that readers of the document have started. */
const memberPort = '2379';

/** Between two outputs of a shell, which nothing else prints. */
const mark = 'end-of-a-step-of-the-document';

/**
 * Runs the blocks of a section in a fresh folder, beside a fresh member. Of what is written there only the ports are
 * others; `npx` runs the programs of this checkout without asking npm, which is faster.
 *
 * @throws Error that says which block failed, and what it printed
 */
export async function runSection(section: Section): Promise<void> {
  await using folder = await newFolder();
  const ports = new Map<string, number>();
  await using server = await startServer();
  ports.set(memberPort, Number(new URL(server.endpoint).port));
  const run: Run = { folder: folder.path, bin: folder.bin, ports };
  const running: RunningBlock[] = [];
  try {
    for (const block of section.blocks) {
      if (block.runsOn) running.push(await startBlock(block, run));
      else await runBlock(block, run);
    }
    for (const each of running) await each.saysAll();
  } finally {
    for (const each of running) await each.stop();
  }
}

interface Run {
  readonly folder: string;
  readonly bin: string;
  /** The ports of the document, and those that stand for them. */
  readonly ports: Map<string, number>;
}

/** A block that goes on. */
interface RunningBlock {
  /** Resolves when it has printed what the document says. */
  saysAll(): Promise<void>;
  stop(): Promise<void>;
}

async function runBlock(block: TestedBlock, run: Run): Promise<void> {
  const { child, printed } = await start(block, run);
  const [code] = (await once(child, 'close')) as [number | null];
  const outputs = asDocumented(printed.out, run.ports).split(`${mark}\n`);
  const failed = block.steps.findIndex(
    (step, i) => step.output.length > 0 && !matches(outputs[i] ?? '', step.output),
  );
  // After a step that failed there are no outputs of others.
  const at = failed >= 0 ? failed : outputs.length - 1;
  if (failed >= 0 || code !== 0)
    throw new Error(failure(block, block.steps[at], { out: outputs[at] ?? '', error: printed.error }));
}

async function startBlock(block: TestedBlock, run: Run): Promise<RunningBlock> {
  const { child, printed, text } = await start(block, run);
  const [step] = block.steps;
  let isStopping = false;
  const ended = once(child, 'close').then(() => {
    if (!isStopping) throw new Error(failure(block, step, printed));
  });
  ended.catch(() => {}); // Whoever waits for the block hears of it.
  const stop = async (): Promise<void> => {
    isStopping = true;
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL');
    await ended.catch(() => {});
  };
  const says = async (patterns: readonly string[]): Promise<void> => {
    while (!matches(asDocumented(printed.out, run.ports), patterns, { isPrefix: true }))
      await Promise.race([once(child.stdout!, 'data'), ended]);
  };
  try {
    if (step?.output[0] !== undefined) await says([step.output[0]]);
    for (const [, port] of text.matchAll(/listen\S*:(\d+)/g))
      await Promise.race([isListening(Number(port)), ended]);
  } catch (error) {
    await stop();
    throw error;
  }
  return { stop, saysAll: () => says(step?.output ?? []) };
}

/** Runs a block in a process group of its own. */
async function start(
  block: TestedBlock,
  { folder, bin, ports }: Run,
): Promise<{
  readonly child: ChildProcess;
  readonly printed: { out: string; error: string };
  readonly text: string;
}> {
  const script = block.steps
    .map(({ code }) => code)
    .join(block.language === 'sh' ? `\necho ${mark}\n` : '\n');
  const text = await withPorts(script, ports);
  const [program, ...args] =
    block.language === 'sh'
      ? ['bash', '-euo', 'pipefail', '-c', text]
      : [process.execPath, '--no-warnings', '--input-type=module-typescript', '--eval', text];
  const child = spawn(program, args, {
    cwd: folder,
    detached: true,
    env: {
      ...process.env,
      PATH: [bin, programs, process.env['PATH']].join(delimiter),
      HOME: folder,
      NO_COLOR: '1',
      // As the programs of this checkout have it.
      NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'),
      // Instead of the port that it has by itself.
      ...(!text.includes('--endpoints') && { ETCDCTL_ENDPOINTS: `127.0.0.1:${ports.get(memberPort)}` }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { out: '', error: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (printed.out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (printed.error += chunk));
  return { child, printed, text };
}

/** The text with a free port in the place of every one that it names. */
async function withPorts(text: string, ports: Map<string, number>): Promise<string> {
  const named = /(?<=(?:127\.0\.0\.1|localhost):)\d+/g;
  for (const [port] of text.matchAll(named)) if (!ports.has(port)) ports.set(port, await freePort());
  return text.replace(named, (port) => `${ports.get(port)}`);
}

/** What was printed, with the ports of the document again. */
function asDocumented(printed: string, ports: ReadonlyMap<string, number>): string {
  let text = printed;
  for (const [port, used] of ports) text = text.replaceAll(`:${used}`, `:${port}`);
  return text;
}

/** An empty folder, in one that holds what Node and the shell look for. */
async function newFolder(): Promise<AsyncDisposable & { readonly path: string; readonly bin: string }> {
  const above = await mkdtemp(join(tmpdir(), 'quorate-readme-'));
  const [path, bin] = [join(above, 'work'), join(above, 'bin')];
  await symlink(join(root, 'node_modules'), join(above, 'node_modules'));
  await Promise.all([mkdir(path), mkdir(bin)]);
  const npx = join(bin, 'npx');
  await writeFile(npx, `#!/bin/sh\nexec "${programs}/$@"\n`);
  await chmod(npx, 0o755);
  return { path, bin, [Symbol.asyncDispose]: () => rm(above, { recursive: true, force: true }) };
}

/** Tries until somebody takes connections there. */
async function isListening(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      socket.destroy();
    }
  }
}

function failure(
  { line }: TestedBlock,
  step: Step | undefined,
  printed: { readonly out: string; readonly error: string },
): string {
  return [
    `line ${line}: not what the document says of\n${step?.code}`,
    `expected:\n${step?.output.join('\n')}`,
    `printed:\n${printed.out}`,
    `errors:\n${printed.error.slice(-2_000)}`,
  ].join('\n\n');
}
