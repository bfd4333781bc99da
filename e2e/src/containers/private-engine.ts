import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { askVersion } from './engine-version.ts';
import type { Engine } from './engine.ts';

/** Of this checkout: what one of its runs leaves behind, the next may take away. */
export const checkoutId = createHash('sha256')
  .update(resolve(import.meta.dirname, '../../..'))
  .digest('hex')
  .slice(0, 12);

/** Where an engine of ours keeps what it knows. */
export interface EnginePlace {
  /** Images and containers; kept from run to run, since images that are there need not be built again. */
  readonly dataDir: string;
  /** Sockets and what is of one run only; short, since paths of sockets are. */
  readonly runDir: string;
  readonly socket: string;
}

/** An engine to start. */
export interface PrivateEngineOptions {
  readonly name: 'docker' | 'podman';
  readonly command: (place: EnginePlace) => readonly string[];
  readonly log: (line: string) => void;
}

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;
/** What flock ends with when another run of this checkout has the lock. */
const busyCode = 75;
/** How much of an engine's log is told when it does not start. */
const lastWordsLength = 2_000;

/** What a private engine is started with; all but `ip` are of util-linux. */
const startTools = ['flock', 'setpriv', 'unshare', 'nsenter', 'ip'];

/** Why no engine that needs these programs can be started here; undefined where nothing is in the way. */
export function obstacleTo(
  programs: readonly string[],
  remedy: string,
): { readonly reason: string; readonly remedy: string } | undefined {
  const absent = missing(programs);
  if (absent.length > 0) return { reason: `${absent.join(', ')} not found`, remedy };
  if (process.platform !== 'linux')
    return { reason: 'it runs on Linux only', remedy: 'start an engine by other means and set DOCKER_HOST' };
  if (process.getuid?.() !== 0)
    return {
      reason: 'only root may start it',
      remedy: 'run as root, or start an engine and set DOCKER_HOST',
    };
  const tools = missing(startTools);
  if (tools.length > 0)
    return {
      reason: `${tools.join(', ')} not found`,
      remedy: 'on Debian: apt-get install util-linux iproute2',
    };
  const { status, stderr } = spawnSync('unshare', [...namespaces, 'true'], { encoding: 'utf8' });
  if (status === 0) return undefined;
  return {
    reason: `namespaces can't be made here (${stderr.trim()})`,
    remedy: 'in a container, give it --privileged; or start an engine outside and set DOCKER_HOST',
  };
}

function missing(programs: readonly string[]): readonly string[] {
  return programs.filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);
}

/**
 * Of its own are the network (so that neither its bridges nor its firewall rules meet those of another engine, and no
 * container reaches anything outside), its mounts, and its processes, all of which end along with the first of them.
 */
const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

/**
 * Starts an engine for this run alone. Whatever ends this process, the engine and all its containers end as well.
 *
 * @throws Error with its last words when it does not come up
 */
export async function startPrivateEngine({ name, command, log }: PrivateEngineOptions): Promise<Engine> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const home = join(cache, 'quorate-e2e', `${name}-${checkoutId}`);
  const runDir = join('/run', `quorate-e2e-${checkoutId}-${name}`);
  // By our own process: at that of another run, an engine answers that is not ours.
  const socket = join(runDir, `${process.pid}.sock`);
  const logFile = join(home, 'log');
  mkdirSync(home, { recursive: true });
  const output = openSync(logFile, 'w');
  // Only once the lock is held nobody uses what earlier runs have left.
  const script = `rm -rf "$0"; mkdir -p "$0"; ip link set lo up; "$@" & wait`;
  const place: EnginePlace = { dataDir: join(home, 'data'), runDir, socket };
  const child = spawn(
    'flock',
    [
      ...['--no-fork', '--nonblock', '--conflict-exit-code', String(busyCode), join(home, 'lock')],
      ...['setpriv', '--pdeathsig', 'KILL', 'unshare', ...namespaces],
      ...['sh', '-c', script, runDir, ...command(place)],
    ],
    // Not of our group, so that an interrupt at the keyboard leaves us an engine to clean up with.
    { stdio: ['ignore', output, output], detached: true },
  );
  closeSync(output);
  const ended = once(child, 'exit');
  log(`starting ${name} for this run; its log is ${logFile}`);
  try {
    const version = await untilReady(child, `unix://${socket}`);
    return {
      host: `unix://${socket}`,
      description: `${version}, started for this run`,
      enter: ['nsenter', `--net=/proc/${child.pid}/ns/net`],
      [Symbol.asyncDispose]: async () => {
        await stop(child, ended);
        rmSync(runDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    child.kill('SIGKILL');
    if (child.exitCode === busyCode)
      throw new Error(`another run of this checkout has an engine at work; wait for it to end`, {
        cause: error,
      });
    const words = readFileSync(logFile, 'utf8').slice(-lastWordsLength);
    throw new Error(`${name} did not come up; ${logFile} ends with\n${words}`, { cause: error });
  }
}

async function untilReady(child: ChildProcess, host: string): Promise<string> {
  const deadline = performance.now() + readyTimeoutMs;
  for (;;) {
    const version = await askVersion(host).catch(() => undefined);
    if (version !== undefined) return version;
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it has ended');
    if (performance.now() > deadline) throw new Error(`it does not answer after ${readyTimeoutMs} ms`);
    await pause(100);
  }
}

/** Asks the engine to stop, and then ends whatever is left in its namespaces. */
async function stop(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  const [shell] = childrenOf(child.pid);
  const [engine] = childrenOf(shell);
  if (engine !== undefined) process.kill(engine, 'SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(late);
}

function childrenOf(pid: number | undefined): readonly number[] {
  if (pid === undefined) return [];
  try {
    const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return pids.split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // It is gone already.
  }
}
