import { spawnSync } from 'node:child_process';

/** A container engine, as the command that is spoken to it with. */
export interface Engine {
  readonly name: 'docker' | 'podman';
  readonly command: string;
  /** Arguments before those of a command. */
  readonly args: readonly string[];
}

/**
 * The engine to build with: docker when it answers, at `DOCKER_HOST` or at its usual socket; podman else.
 *
 * @throws Error that says what was looked for
 */
export function findEngine(wanted?: string): Engine {
  const engines: readonly Engine[] = [
    { name: 'docker', command: 'docker', args: [] },
    { name: 'podman', command: 'podman', args: [] },
  ];
  const tried: string[] = [];
  for (const engine of engines.filter(({ name }) => wanted === undefined || name === wanted)) {
    const { status, stderr, error } = spawnSync(engine.command, ['version'], { encoding: 'utf8' });
    if (status === 0) return engine;
    tried.push(`${engine.name}: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? 'no answer'}`);
  }
  throw new Error(
    `no container engine answers (${tried.join('; ')}). Start docker or install podman, set DOCKER_HOST, ` +
      'or ask for --rootfs-only, which needs none.',
  );
}

/** Runs a command of the engine, with its output to ours. @throws Error when it fails */
export function runEngine({ command, args }: Engine, words: readonly string[]): void {
  const env = { ...process.env, DOCKER_BUILDKIT: hasBuildKit(command) ? '1' : '0' };
  const { status, error } = spawnSync(command, [...args, ...words], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${words[0]} ended with ${status}`);
}

/** What a command of the engine prints. @throws Error when it fails */
export function askEngine({ command, args }: Engine, words: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, [...args, ...words], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${words.join(' ')}: ${stderr.trim()}`);
  return stdout.trim();
}

/** Debian's docker comes without the plugin that newer ones build with; what they built with before does, too. */
function hasBuildKit(command: string): boolean {
  return command !== 'docker' || spawnSync(command, ['buildx', 'version']).status === 0;
}
