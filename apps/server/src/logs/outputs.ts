/** Where `--log-outputs` says that logs go. */
export function logOutputsOf(flag: string): string[] {
  return flag
    .split(',')
    .map((output) => output.trim())
    .filter((output) => output !== '');
}

/** Whether an output is a file, and no stream of the process. */
export function isLogFile(output: string): boolean {
  return !['default', 'stderr', 'stdout'].includes(output);
}
