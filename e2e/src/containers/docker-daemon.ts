import { join } from 'node:path';
import type { Engine, Obstacle } from './engine.ts';
import { obstacleTo, startPrivateEngine } from './private-engine.ts';

/** What `dockerd` can't do without; Debian's docker.io brings all of them along. */
const programs = ['dockerd', 'containerd', 'runc', 'iptables', 'docker'];

/** Starts docker for this run, as root, with all that it keeps in places of its own; or says why it can't. */
export async function startDocker(log: (line: string) => void): Promise<Engine | Obstacle> {
  const obstacle = obstacleTo(programs, 'on Debian, as root: apt-get install docker.io');
  if (obstacle !== undefined) return { engine: 'docker', ...obstacle };
  return startPrivateEngine({
    name: 'docker',
    log,
    command: ({ dataDir, runDir, socket }) => [
      ...['dockerd', '--host', `unix://${socket}`],
      ...['--data-root', dataDir, '--exec-root', join(runDir, 'docker')],
      ...['--pidfile', join(runDir, 'docker.pid'), '--log-level', 'warn'],
    ],
  });
}
