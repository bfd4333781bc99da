import {
  expectedMicros,
  median,
  medianCalibration,
  ratioOf,
  type CpuBaseline,
  type CpuSample,
} from './cpu-baseline.ts';
import type { CpuKind } from './cpu-kinds.ts';
import { figure } from './markdown-table.ts';

/** What one kind of operation came to, for readers, and what is wrong with it. */
export interface CpuVerdict {
  readonly text: string;
  readonly problem?: string;
}

const remedy = 'If that is meant, record it anew: npm run check:cpu -- --record';

/** Holds what was measured of a kind against what was recorded of it. */
export function verdictOfCpu(
  { name, factor }: Pick<CpuKind, 'name' | 'factor'>,
  { operations }: Pick<CpuBaseline, 'operations'>,
  samples: readonly CpuSample[],
): CpuVerdict {
  const measured = `${name}: ${figure(median(samples.map(({ micros }) => micros)))} µs of CPU`;
  const cost = operations[name];
  if (cost === undefined) return { text: measured, problem: `${name} was never recorded. ${remedy}` };
  const ratio = ratioOf(cost, samples);
  const expected = figure(expectedMicros(cost, medianCalibration(samples)));
  const text = `${measured}, ${expected} expected on this machine; ${figure(ratio)} times what was recorded`;
  if (ratio <= factor) return { text };
  return { text, problem: `${text}, and may be ${factor}. ${remedy}` };
}
