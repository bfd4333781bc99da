import { fileURLToPath } from 'node:url';
import { startCluster, type StartClusterOptions, type StartedCluster } from './cluster.ts';
import { startServer, type StartedServer, type StartOptions } from './real-etcd.ts';

/** The command of a member from this checkout. */
const command = fileURLToPath(new URL('../../../../apps/server/bin/quorate.js', import.meta.url));

/** Starts one Quorate member on ports of its own, with its data in a folder that goes away with it. */
export function startQuorate(options?: StartOptions): Promise<StartedServer> {
  return startServer([process.execPath, command], options);
}

/** Starts a cluster of Quorate members; its data goes away with it. */
export function startQuorateCluster(options: StartClusterOptions): Promise<StartedCluster> {
  return startCluster([process.execPath, command], options);
}
