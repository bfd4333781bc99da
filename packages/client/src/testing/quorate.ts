import { fileURLToPath } from 'node:url';
import { startServer, type StartedServer, type StartOptions } from './real-etcd.ts';

/** The command of a member from this checkout. */
const command = fileURLToPath(new URL('../../../../apps/server/bin/quorate.js', import.meta.url));

/** Starts one Quorate member on ports of its own, with its data in a folder that goes away with it. */
export function startQuorate(options?: StartOptions): Promise<StartedServer> {
  return startServer([process.execPath, command], options);
}
