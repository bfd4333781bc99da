import type { Replica } from '@quorate/replica';
import type { Logger } from 'pino';
import type { ServerConfig } from '../config/schema.ts';
import { fileDescriptorLimit } from '../open-files.ts';
import { DebugSurface } from './debug-surface.ts';
import { processVars } from './process-vars.ts';

/** What there is to look at in this member; the profiler is loaded, and samples, only when it may be asked. */
export async function openDebug(
  replica: Replica,
  { enablePprof }: ServerConfig,
  log: Logger,
): Promise<DebugSurface> {
  // Without a limit, the largest number that there is.
  const limit = Math.min(fileDescriptorLimit() ?? 0, Number.MAX_SAFE_INTEGER);
  return new DebugSurface({
    profiler: enablePprof ? new (await import('./node-profiler.ts')).NodeProfiler() : undefined,
    vars: () => processVars(replica.raftStatus, limit),
    auth: replica.auth,
    log: log.child({ component: 'debug' }),
  });
}
