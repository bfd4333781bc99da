import { pino, type Logger } from 'pino';

/** A logger whose lines a test can read. */
export function newTestLog(): { log: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const log = pino(
    { level: 'trace', base: null, timestamp: false },
    // pino writes one JSON object a call.
    { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  return { log, lines };
}
