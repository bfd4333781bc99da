/**
 * CPU time of one call of `run`, in nanoseconds: the median of 15 rounds, with the spread of the middle half.
 * It counts all threads, the garbage collector's too, and not what other processes take of the machine.
 */
export interface Measured {
  readonly medianNs: number;
  readonly spreadNs: readonly [number, number];
}

const rounds = 15;
const roundMs = 60;

/** Results land here, so that no call is optimised away. */
export const sink: { value: unknown } = { value: undefined };

/** Measures `run` and prints a line; `bytes` a call adds the throughput. */
export function measure(name: string, run: () => unknown, bytes?: number): Measured {
  let calls = 1;
  while (timeOf(run, calls) < roundMs) calls *= 2;
  const times: number[] = [];
  for (let i = 0; i < rounds; i++) times.push((timeOf(run, calls) * 1e6) / calls);
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.floor((rounds - 1) * share)] ?? 0;
  const result: Measured = { medianNs: at(0.5), spreadNs: [at(0.25), at(0.75)] };
  console.log(`${name.padEnd(44)}${describe(result, bytes)}`);
  return result;
}

function timeOf(run: () => unknown, calls: number): number {
  const start = process.cpuUsage();
  for (let i = 0; i < calls; i++) sink.value = run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e3;
}

function describe({ medianNs, spreadNs: [low, high] }: Measured, bytes: number | undefined): string {
  const time = `${duration(medianNs).padStart(10)}  (${duration(low)} .. ${duration(high)})`;
  return bytes === undefined ? time : `${time.padEnd(36)}${(bytes / medianNs).toFixed(2)} GB/s`;
}

function duration(ns: number): string {
  if (ns < 10_000) return `${ns.toFixed(0)} ns`;
  return ns < 10_000_000 ? `${(ns / 1e3).toFixed(1)} us` : `${(ns / 1e6).toFixed(1)} ms`;
}
