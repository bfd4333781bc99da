import type { ClientLimits } from '@quorate/rpc';
import type { ServerConfig } from './config/schema.ts';

/** The limits of the gRPC port that the flags ask for. */
export function clientLimits(config: ServerConfig): ClientLimits {
  return {
    maxConcurrentStreams: config.maxConcurrentStreams,
    maxConcurrentCalls: config.maxConcurrentCalls,
    maxHeaderBytes: config.maxHeaderBytes,
    resetBurst: config.maxStreamResets * 10,
    resetsPerSecond: config.maxStreamResets,
    overheadBurstBytes: config.maxOverheadRate * 4,
    overheadBytesPerSecond: config.maxOverheadRate,
    maxUnfinishedBytes: config.maxUnfinishedBytes,
    requestTimeoutMs: config.requestBodyTimeoutMs,
    maxUntakenBytes: config.maxUntakenBytes,
  };
}
