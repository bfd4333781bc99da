import { z } from 'zod';
import type { Calibration } from './calibration.ts';

const operation = z.object({
  /** What it cost where it was recorded; only for readers. */
  micros: z.number().positive(),
  /** How many rounds of each calibration loop an operation costs: its time in JavaScript, and in the kernel. */
  jsLoops: z.number().nonnegative(),
  socketLoops: z.number().nonnegative(),
});

/** What operations cost when they were recorded last, in rounds of the calibration loops. */
export const cpuBaseline = z.object({
  recorded: z.object({
    date: z.string(),
    node: z.string(),
    quorate: z.string(),
    jsMicros: z.number().positive(),
    socketMicros: z.number().positive(),
  }),
  operations: z.record(z.string(), operation),
});
export type CpuBaseline = z.infer<typeof cpuBaseline>;
export type OperationCost = z.infer<typeof operation>;

/** One measurement of one kind of operation, and the calibration of that time. */
export interface CpuSample {
  readonly micros: number;
  /** How it was spent, coarsely: only the sums over many samples say something. */
  readonly userMs: number;
  readonly systemMs: number;
  readonly calibration: Calibration;
}

/**
 * What an operation should cost on this machine now. The two loops stand for two speeds that differ from machine
 * to machine by themselves: that of JavaScript, and that of the kernel's sockets.
 */
export function expectedMicros(cost: OperationCost, { jsMicros, socketMicros }: Calibration): number {
  return cost.jsLoops * jsMicros + cost.socketLoops * socketMicros;
}

/**
 * Measured to expected: above 1 it has become dearer. What else a machine does makes an operation dearer and never
 * cheaper, so that of all samples the lower quartile is taken.
 */
export function ratioOf(cost: OperationCost, samples: readonly CpuSample[]): number {
  return lowerQuartile(samples.map(({ micros, calibration }) => micros / expectedMicros(cost, calibration)));
}

/** What to record of an operation: what makes the ratio of these samples 1. */
export function costOf(samples: readonly CpuSample[]): OperationCost {
  const micros = median(samples.map((sample) => sample.micros));
  const userMs = samples.reduce((sum, sample) => sum + sample.userMs, 0);
  const systemMs = samples.reduce((sum, sample) => sum + sample.systemMs, 0);
  const systemShare = systemMs / Math.max(1, userMs + systemMs);
  const { jsMicros, socketMicros } = medianCalibration(samples);
  const jsLoops = (micros * (1 - systemShare)) / jsMicros;
  const socketLoops = (micros * systemShare) / socketMicros;
  const scale = ratioOf({ micros, jsLoops, socketLoops }, samples);
  return {
    micros: rounded(micros * scale),
    jsLoops: rounded(jsLoops * scale),
    socketLoops: rounded(socketLoops * scale),
  };
}

/** The medians of both loops. */
export function medianCalibration(samples: readonly CpuSample[]): Calibration {
  return {
    jsMicros: rounded(median(samples.map(({ calibration }) => calibration.jsMicros))),
    socketMicros: rounded(median(samples.map(({ calibration }) => calibration.socketMicros))),
  };
}

/** Of at least one value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that a quarter of them does not exceed. */
function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 2] ?? NaN;
}

/** Four digits that count are more than is ever measured. */
function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
