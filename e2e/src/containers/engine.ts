import { existsSync } from 'node:fs';
import { startDocker } from './docker-daemon.ts';
import { askVersion } from './engine-version.ts';
import { startPodman } from './podman-service.ts';

/** A container engine that answers. Disposing of it ends it where it was started for this run. */
export interface Engine extends AsyncDisposable {
  /** As `DOCKER_HOST` has it. */
  readonly host: string;
  /** What it is, and where it comes from, for whoever reads the log of a run. */
  readonly description: string;
  /** What to put before a command that is to reach the ports of containers: they may be in a network of their own. */
  readonly enter: readonly string[];
}

/** A reason why an engine can't be started here, and what helps. */
export interface Obstacle {
  readonly engine: 'docker' | 'podman';
  readonly reason: string;
  readonly remedy: string;
}

/** No engine answers, and none can be started; the message tells why and what to do. */
export class NoEngineError extends Error {
  override readonly name = 'NoEngineError';
  readonly code = 'E2E_NO_ENGINE';

  constructor(obstacles: readonly Obstacle[]) {
    const told = obstacles.map(({ engine, reason, remedy }) => `  ${engine}: ${reason}\n    ${remedy}`);
    super(`no container engine answers, and none can be started:\n${told.join('\n')}`);
  }
}

/**
 * The engine that `DOCKER_HOST` names; else one that answers at a usual socket; else one that is started for this run,
 * Debian's docker or podman.
 *
 * @param log told of what takes long
 * @throws NoEngineError
 */
export async function openEngine(log: (line: string) => void): Promise<Engine> {
  const named = process.env['DOCKER_HOST'];
  if (named !== undefined && named !== '') return runningEngine(named);
  for (const socket of usualSockets()) {
    if (existsSync(socket) && (await askVersion(`unix://${socket}`).catch(() => undefined)) !== undefined)
      return runningEngine(`unix://${socket}`);
  }
  const obstacles: Obstacle[] = [];
  for (const start of [startDocker, startPodman]) {
    const started = await start(log);
    if ('host' in started) return started;
    obstacles.push(started);
  }
  throw new NoEngineError(obstacles);
}

function usualSockets(): readonly string[] {
  const runtimeDir = process.env['XDG_RUNTIME_DIR'];
  return [
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    ...(runtimeDir === undefined ? [] : [`${runtimeDir}/docker.sock`, `${runtimeDir}/podman/podman.sock`]),
  ];
}

/** An engine that somebody else runs, and goes on to run. */
async function runningEngine(host: string): Promise<Engine> {
  const version = await askVersion(host).catch((cause: unknown) => {
    throw new Error(`DOCKER_HOST is ${host}, and no container engine answers there`, { cause });
  });
  return { host, description: `${version} at ${host}`, enter: [], [Symbol.asyncDispose]: async () => {} };
}
