import { openStore } from '@quorate/data-dir';
import type { BytesLevel, ReplicaOptions } from '@quorate/replica';
import { MemoryDisk, NodeDisk } from '@quorate/wal';
import { MemoryLevel } from 'memory-level';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { ServerConfig } from './config/schema.ts';
import { openDataDir } from './data-dir.ts';

/**
 * Segments of a log in memory: small, since their zeros are written ahead there too, and nobody waits for a file
 * system to allocate them.
 */
const memorySegmentBytes = 512 * 1024;

/** Where a member keeps what it must not lose. */
export interface MemberStorage {
  /** Where its log and snapshot files lie. */
  readonly log: Pick<ReplicaOptions, 'disk' | 'walDir' | 'snapDir' | 'segmentSizeBytes' | 'imagePath'>;
  /** Whether there is a log: then the member goes by that, and not by what the flags say of a new cluster. */
  readonly hasLog: boolean;
  /** Opens the database below its store. Called once; the caller owns it. */
  openDatabase(): Promise<BytesLevel>;
}

/** The data directory of the configuration, made when it is not there. @throws ConfigError when it cannot be used */
export async function openDiskStorage(config: ServerConfig, log: Logger): Promise<MemberStorage> {
  const { walDir, snapDir, storeDir, hasLog } = await openDataDir(config, log);
  return {
    // Among the files of the store, so that whoever puts another in its place takes the image away with it.
    log: { disk: new NodeDisk(), walDir, snapDir, imagePath: join(storeDir, 'QUORATE-IMAGE') },
    hasLog,
    openDatabase: () => openStore(storeDir, log),
  };
}

/** Memory of this process, which nothing survives. */
export function newMemoryStorage(): MemberStorage {
  return {
    log: {
      disk: new MemoryDisk(),
      walDir: '/member/wal',
      snapDir: '/member/snap',
      segmentSizeBytes: memorySegmentBytes,
    },
    hasLog: false,
    openDatabase: async () =>
      new MemoryLevel<Uint8Array, Uint8Array>({
        keyEncoding: 'view',
        valueEncoding: 'view',
        storeEncoding: 'view',
      }),
  };
}
