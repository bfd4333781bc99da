import { join } from 'node:path';
import type { Engine, Obstacle } from './engine.ts';
import { obstacleTo, startPrivateEngine } from './private-engine.ts';

/** What podman can't do without. runc, since crun refuses where cgroups of both versions are mounted. */
const programs = ['podman', 'runc', 'iptables', 'conmon'];

/** Starts podman's service for this run, as root, with images, containers and networks of its own; or says why not. */
export async function startPodman(log: (line: string) => void): Promise<Engine | Obstacle> {
  const obstacle = obstacleTo(
    programs,
    'on Debian, as root: apt-get install podman runc netavark aardvark-dns iptables',
  );
  if (obstacle !== undefined) return { engine: 'podman', ...obstacle };
  return startPrivateEngine({
    name: 'podman',
    log,
    command: ({ dataDir, runDir, socket }) => [
      ...['podman', '--root', dataDir, '--runroot', join(runDir, 'podman')],
      ...['--network-config-dir', join(dataDir, 'networks'), '--events-backend', 'file'],
      ...['--runtime', '/usr/sbin/runc', '--cgroup-manager', 'cgroupfs'],
      ...['system', 'service', '--time', '0', `unix://${socket}`],
    ],
  });
}
