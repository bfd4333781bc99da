import { DataDirError, openDataDir as open, type DataDir } from '@quorate/data-dir';
import type { Logger } from 'pino';
import { ConfigError } from './config/errors.ts';
import type { ServerConfig } from './config/schema.ts';

/**
 * Opens the data directory that the configuration names.
 *
 * @throws ConfigError when it cannot be used: nothing in it was changed then
 */
export async function openDataDir({ dataDir, walDir }: ServerConfig, log: Logger): Promise<DataDir> {
  try {
    return await open({ dataDir, walDir }, log);
  } catch (error) {
    if (!(error instanceof DataDirError)) throw error;
    throw new ConfigError(error.message, { cause: error });
  }
}
