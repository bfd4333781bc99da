/** Time between two samples of a CPU profile, as V8 has it by default. */
export const cpuIntervalUs = 1_000;
/** Bytes between two samples of the heap, as Go's. */
export const heapIntervalBytes = 512 * 1024;

/** Another CPU profile of this process is being taken. */
export class ProfilerBusyError extends Error {
  override readonly name = 'ProfilerBusyError';
  readonly code = 'PROFILER_BUSY';
  constructor() {
    // As Go says it.
    super('Could not enable CPU profiling: cpu profiling already in use');
  }
}
