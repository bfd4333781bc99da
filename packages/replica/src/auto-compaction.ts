import type { AutoCompactionOptions } from './options.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** How often the revision mode looks (reference: auto compaction). */
const revisionIntervalMs = 5 * minuteMs;
/** Samples in one interval of the periodic mode. */
const samplesPerInterval = 10;

/**
 * When to compact without being asked, and to which revision. Pure: time and the current revision come in.
 *
 * Periodic: the revision is sampled ten times an interval of min(retention, 1 h); once samples cover the
 * whole retention, the oldest one is compacted to, and then again every interval. Revision: every five
 * minutes, to `current - retention`.
 */
export class AutoCompaction {
  readonly #options: AutoCompactionOptions;
  #samples: number[] = [];
  #nextSampleAtMs: number;
  #nextCompactionAtMs: number;
  #lastCompacted = 0;

  constructor(options: AutoCompactionOptions, nowMs: number) {
    this.#options = options;
    this.#nextSampleAtMs = nowMs;
    this.#nextCompactionAtMs =
      nowMs + (options.mode === 'periodic' ? options.retentionMs : revisionIntervalMs);
  }

  /** The revision to compact to now, undefined when it is not time or nothing is new. Call it often. */
  due(nowMs: number, currentRevision: number): number | undefined {
    const options = this.#options;
    if (options.mode === 'periodic') {
      return options.retentionMs > 0
        ? this.#duePeriodic(nowMs, currentRevision, options.retentionMs)
        : undefined;
    }
    if (options.retentionRevisions <= 0 || nowMs < this.#nextCompactionAtMs) return undefined;
    this.#nextCompactionAtMs = nowMs + revisionIntervalMs;
    const revision = currentRevision - options.retentionRevisions;
    return revision > 0 && revision !== this.#lastCompacted ? revision : undefined;
  }

  /** The compaction to that revision was accepted; without this call it is due again. */
  done(revision: number): void {
    this.#lastCompacted = revision;
  }

  /** Forgets the samples, since this member is not the leader now. */
  pause(nowMs: number): void {
    this.#samples = [];
    this.#nextSampleAtMs = nowMs;
    if (this.#options.mode === 'periodic') this.#nextCompactionAtMs = nowMs + this.#options.retentionMs;
  }

  #duePeriodic(nowMs: number, currentRevision: number, retentionMs: number): number | undefined {
    if (nowMs < this.#nextSampleAtMs) return undefined;
    const compactionIntervalMs = Math.min(retentionMs, hourMs);
    const sampleIntervalMs = compactionIntervalMs / samplesPerInterval;
    this.#nextSampleAtMs = nowMs + sampleIntervalMs;
    this.#samples.push(currentRevision);
    const keep = Math.ceil(retentionMs / sampleIntervalMs) + 1;
    if (this.#samples.length > keep) this.#samples.shift();
    if (nowMs < this.#nextCompactionAtMs || this.#samples.length < keep) return undefined;
    const revision = this.#samples[0]!;
    // Not yet accepted ones are tried again with the next sample.
    if (revision === this.#lastCompacted) return undefined;
    this.#nextCompactionAtMs = nowMs + compactionIntervalMs;
    return revision;
  }
}
