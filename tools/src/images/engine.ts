import { spawnSync } from 'node:child_process';

/** A container engine, as the command that is spoken to it with. */
export interface Engine {
  readonly name: 'docker' | 'podman';
  readonly command: string;
  /** Arguments before those of a command. */
  readonly args: readonly string[];
}

/**
 * The engine to build with: docker when it answers, at `DOCKER_HOST` or at its usual socket; podman else, whose service
 * is spoken to at `DOCKER_HOST` where that is set.
 *
 * @throws Error that says what was looked for
 */
export function findEngine(wanted?: string): Engine {
  const host = process.env['DOCKER_HOST'] ?? '';
  const engines: readonly Engine[] = [
    { name: 'docker', command: 'docker', args: [] },
    { name: 'podman', command: 'podman', args: host === '' ? [] : ['--url', host] },
  ];
  const tried: string[] = [];
  for (const engine of engines.filter(({ name }) => wanted === undefined || name === wanted)) {
    const { status, stderr, error } = spawnSync(engine.command, [...engine.args, 'version'], {
      encoding: 'utf8',
    });
    if (status === 0) return engine;
    tried.push(`${engine.name}: ${error?.message ?? stderr.trim().split('\n').at(-1) ?? 'no answer'}`);
  }
  throw new Error(
    `no container engine answers (${tried.join('; ')}). Start docker or install podman, set DOCKER_HOST, ` +
      'or ask for --context-only, which needs none.',
  );
}

/** What a command of the engine prints. @throws Error with what it complained of when it fails */
export function askEngine({ command, args }: Engine, words: readonly string[]): string {
  const env = { ...process.env, DOCKER_BUILDKIT: hasBuildKit(command) ? '1' : '0' };
  const { status, stdout, stderr, error } = spawnSync(command, [...args, ...words], {
    encoding: 'utf8',
    env,
  });
  if (error !== undefined) throw error;
  if (status === 0) return stdout.trim();
  throw new Error(`${command} ${words.join(' ')} ended with ${status}:\n${stdout}${stderr}`);
}

/** Debian's docker comes without the plugin that newer ones build with; what they built with before does, too. */
function hasBuildKit(command: string): boolean {
  return command !== 'docker' || spawnSync(command, ['buildx', 'version']).status === 0;
}
