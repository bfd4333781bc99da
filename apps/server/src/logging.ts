import { pino, type Logger } from 'pino';
import { ConfigError } from './config/errors.ts';
import type { ServerConfig } from './config/schema.ts';

/** etcd's names of levels that pino does not have. */
const levelOf: Readonly<Record<string, string>> = { panic: 'fatal' };

/**
 * The member's logger: JSON lines; stored values, tokens and passwords never go into them.
 *
 * @throws ConfigError when a log file cannot be written
 */
export function newLogger(config: Pick<ServerConfig, 'logLevel' | 'logOutputs' | 'name'>): Logger {
  const outputs = config.logOutputs
    .split(',')
    .map((output) => output.trim())
    .filter((output) => output !== '');
  const streams = outputs.map((output) => ({
    // Every stream takes whatever the logger lets through.
    level: 'trace' as const,
    stream: open(output),
  }));
  return pino(
    {
      level: levelOf[config.logLevel] ?? config.logLevel,
      base: { member: config.name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.multistream(streams),
  );
}

function open(output: string): ReturnType<typeof pino.destination> {
  try {
    return pino.destination({ dest: destinationOf(output), sync: true, mkdir: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`--log-outputs: cannot write to ${output} (${reason})`, { cause: error });
  }
}

function destinationOf(output: string): number | string {
  if (output === 'default' || output === 'stderr') return 2;
  return output === 'stdout' ? 1 : output;
}
