import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a program printed and cost. */
export interface ProgramRun {
  readonly output: string;
  readonly seconds: number;
  /** Its own CPU time, user and system. */
  readonly cpuMs: number;
}

/** Runs a program to its end. @throws Error with what it said when that was not a good one */
export async function runProgram(file: string, args: readonly string[]): Promise<ProgramRun> {
  // The shell prints what its children have used: Node does not tell.
  const script = '"$@" 2>&1; status=$?; times; exit $status';
  const startedAt = performance.now();
  const child = spawn('sh', ['-c', script, 'sh', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  // Emitted once with the exit code, and null when a signal ended it.
  const [code] = (await once(child, 'close')) as [number | null];
  const seconds = (performance.now() - startedAt) / 1000;
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${output.slice(-2000)}`);
  return { output, seconds, cpuMs: childrenCpuMs(output) };
}

/** The second line that `times` prints: user and system time of the children, as `0m1.230s 0m0.450s`. */
export function childrenCpuMs(output: string): number {
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  let ms = 0;
  for (const [, minutes, seconds] of last.matchAll(/(\d+)m([\d.]+)s/g)) {
    ms += 60_000 * Number(minutes) + 1000 * Number(seconds);
  }
  return ms;
}

/** What h2load says of its requests. @throws Error when one of them failed */
export function parseH2load(output: string): { readonly perSecond: number; readonly succeeded: number } {
  const rate = /finished in [^,]+, ([\d.]+) req\/s/.exec(output)?.[1];
  const [, total, succeeded] = /requests: (\d+) total,.* (\d+) succeeded/.exec(output) ?? [];
  if (rate === undefined || succeeded === undefined) throw new Error(`h2load said:\n${output}`);
  if (succeeded !== total) throw new Error(`h2load: ${succeeded} of ${total} requests succeeded`);
  return { perSecond: Number(rate), succeeded: Number(succeeded) };
}
