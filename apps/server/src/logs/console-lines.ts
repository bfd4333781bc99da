/**
 * Turns lines of JSON into such for people, as etcd's `--log-format=console`: time, level and message with tabs between
 * them, and behind them the fields as JSON.
 */
export function asConsoleLines(stream: { write(line: string): void }): { write(line: string): void } {
  return { write: (line) => stream.write(consoleLine(line)) };
}

function consoleLine(line: string): string {
  // pino's, which is always one JSON object.
  const { time, level, msg = '', ...fields } = JSON.parse(line) as Record<string, unknown>;
  const columns = [time, level, msg].map((column) => String(column).replaceAll(/[\t\n]/g, ' '));
  if (Object.keys(fields).length > 0) columns.push(JSON.stringify(fields));
  return `${columns.join('\t')}\n`;
}
