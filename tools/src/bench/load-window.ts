import { quantile } from './measure.ts';
import type { LoadResult } from './load-job.ts';
import { cpuMsOf } from './proc.ts';

/** Is told of every operation that a load has finished. */
export interface OperationSink {
  /** Takes note of an operation that has ended `now`; false when there should be no more. */
  record(latencyMs: number, now: number): boolean;
}

/** The time that counts: it begins after the warm-up and ends with the load. */
export class LoadWindow implements OperationSink {
  #latencies = new Float64Array(1 << 16);
  #count = 0;
  #startedAt: number;
  #endsAt: number;
  #serverCpuMs = 0;
  #generatorCpu = process.cpuUsage();
  #hasStarted = false;
  #result: LoadResult | undefined;
  readonly #serverPids: readonly number[];

  constructor(options: {
    readonly serverPids: readonly number[];
    readonly warmUpMs: number;
    readonly measureMs: number;
    readonly now: number;
  }) {
    this.#serverPids = options.serverPids;
    this.#startedAt = options.now + options.warmUpMs;
    this.#endsAt = this.#startedAt + options.measureMs;
  }

  /** Takes note of an operation that has ended `now`; false when the time is over. */
  record(latencyMs: number, now: number): boolean {
    if (now < this.#startedAt) return true;
    if (!this.#hasStarted) this.#start(now);
    if (now >= this.#endsAt) {
      this.#result ??= this.#end(now);
      return false;
    }
    if (this.#count === this.#latencies.length) this.#grow();
    this.#latencies[this.#count++] = latencyMs;
    return true;
  }

  get result(): LoadResult {
    if (this.#result === undefined) throw new Error('the load has ended before its time');
    return this.#result;
  }

  #start(now: number): void {
    this.#hasStarted = true;
    this.#endsAt += now - this.#startedAt;
    this.#startedAt = now;
    this.#serverCpuMs = this.#serverCpu();
    this.#generatorCpu = process.cpuUsage();
  }

  #end(now: number): LoadResult {
    const serverCpuMs = this.#serverCpu() - this.#serverCpuMs;
    const { user, system } = process.cpuUsage(this.#generatorCpu);
    const sorted = this.#latencies.subarray(0, this.#count).sort();
    return {
      operations: this.#count,
      seconds: (now - this.#startedAt) / 1000,
      p50Ms: quantile(sorted, 0.5),
      p99Ms: quantile(sorted, 0.99),
      p999Ms: quantile(sorted, 0.999),
      serverCpuMs,
      generatorCpuMs: (user + system) / 1000,
    };
  }

  #serverCpu(): number {
    let sum = 0;
    for (const pid of this.#serverPids) sum += cpuMsOf(pid);
    return sum;
  }

  #grow(): void {
    const larger = new Float64Array(2 * this.#latencies.length);
    larger.set(this.#latencies);
    this.#latencies = larger;
  }
}
