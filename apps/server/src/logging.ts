import { pino, type Logger } from 'pino';
import { ConfigError } from './config/errors.ts';
import type { ServerConfig } from './config/schema.ts';
import { asConsoleLines } from './logs/console-lines.ts';
import { isLogFile, logOutputsOf } from './logs/outputs.ts';
import { RotatingFile } from './logs/rotating-file.ts';
import { rotationOf } from './logs/rotation-settings.ts';

/** What of the configuration is about logs. */
export type LogConfig = Pick<ServerConfig, 'logLevel' | 'logOutputs' | 'name'> &
  Partial<Pick<ServerConfig, 'logFormat' | 'enableLogRotation' | 'logRotationConfigJson'>>;

/** etcd's names of levels that pino does not have. */
const levelOf: Readonly<Record<string, string>> = { panic: 'fatal' };

/**
 * The member's logger: JSON lines; stored values, tokens and passwords never go into them.
 *
 * @throws ConfigError when a log file cannot be written
 */
export function newLogger(config: LogConfig): Logger {
  const streams = logOutputsOf(config.logOutputs).map((output) => {
    const stream = open(output, config);
    return {
      // Every stream takes whatever the logger lets through.
      level: 'trace' as const,
      stream: config.logFormat === 'console' ? asConsoleLines(stream) : stream,
    };
  });
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

function open(output: string, config: LogConfig): { write(line: string): void } {
  const { enableLogRotation = false, logRotationConfigJson = '{}' } = config;
  try {
    if (enableLogRotation && isLogFile(output))
      return new RotatingFile(output, rotationOf(logRotationConfigJson));
    return pino.destination({ dest: destinationOf(output), sync: true, mkdir: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`--log-outputs: cannot write to ${output} (${reason})`, { cause: error });
  }
}

function destinationOf(output: string): number | string {
  if (isLogFile(output)) return output;
  return output === 'stdout' ? 1 : 2;
}
