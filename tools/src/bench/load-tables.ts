import { figure, ratio, spread, table } from './markdown-table.ts';
import type { Placement } from './placement.ts';
import { timesLess, timesMore } from './ratios.ts';
import { contenders, type CallRow, type Contender, type RowSide } from './results.ts';
import { saturationOf } from './saturation.ts';

/** One row of a load table: its leading columns, which name it, and what was measured. */
export interface NamedRow {
  readonly name: readonly string[];
  readonly sides: CallRow['sides'];
  /** Whether what it does waits for the disk. */
  readonly writes: boolean;
  readonly memory?: CallRow['memory'];
}

const headOf: Readonly<Record<Contender, string>> = { quorate: 'Quorate', etcd: 'etcd', tuned: 'tuned etcd' };

/** A cell for each side; a dash where the tuned etcd was not measured. */
function cells<T>(
  sides: { readonly [Side in Contender]?: T },
  of: (side: T, contender: Contender) => string,
): string[] {
  return contenders.map((contender) => {
    const side = sides[contender];
    return side === undefined ? '-' : of(side, contender);
  });
}

const heads = contenders.map((contender) => headOf[contender]);

/** Operations a second, and what bounds them; and the sentence that counts the losses. */
export function rateTable(
  columns: readonly string[],
  rows: readonly NamedRow[],
  where: { readonly placement: Placement; readonly cores: number; readonly members: number },
): [string, string] {
  const measured = table(
    [...columns, ...heads.map((head) => `${head} /s`), 'ratio', 'used up: Quorate', 'etcd'],
    rows.map(({ name, sides, writes }) => [
      ...name,
      ...cells(sides, ({ perSecond }) => spread(perSecond)),
      ratio(rateRatio(sides)),
      saturationOf(sides.quorate, { ...where, writes, contender: 'quorate' }),
      saturationOf(sides.etcd, { ...where, writes, contender: 'etcd' }),
    ]),
    { textColumns: columns.length - 1 },
  );
  const losses = rows.filter(({ sides }) => rateRatio(sides) < 1).length;
  const cpuLosses = rows.filter(({ sides }) => cpuRatio(sides) < 1).length;
  const sentence = `etcd has the higher throughput in ${losses} of ${rows.length} rows and needs less CPU in ${cpuLosses}.`;
  return [measured, sentence];
}

/** Processor time of an operation, the server's and the generator's. */
export function cpuTable(columns: readonly string[], rows: readonly NamedRow[]): string {
  return table(
    [...columns, ...heads.map((head) => `${head} µs`), 'ratio', 'generator µs'],
    rows.map(({ name, sides }) => [
      ...name,
      ...cells(sides, ({ cpuMicros }) => spread(cpuMicros)),
      ratio(cpuRatio(sides)),
      figure(Math.max(...present(sides).map(({ generatorMicros }) => generatorMicros.median))),
    ]),
    { textColumns: columns.length - 1 },
  );
}

/** Medians of three quantiles of the latency. */
export function latencyTable(columns: readonly string[], rows: readonly NamedRow[]): string {
  return table(
    [...columns, ...heads.map((head) => `${head} ms`), 'p50', 'p99', 'p99.9'],
    rows.map(({ name, sides }) => [
      ...name,
      ...cells(sides, ({ p50Ms, p99Ms, p999Ms }) =>
        [p50Ms, p99Ms, p999Ms].map(({ median }) => figure(median)).join(' / '),
      ),
      ratio(timesLess(sides, ({ p50Ms }) => p50Ms.median)),
      ratio(timesLess(sides, ({ p99Ms }) => p99Ms.median)),
      ratio(timesLess(sides, ({ p999Ms }) => p999Ms.median)),
    ]),
    { textColumns: columns.length - 1 },
  );
}

/** Memory after a row, of all of it the anonymous part, and the most there was meanwhile. */
export function memoryTable(columns: readonly string[], rows: readonly NamedRow[]): string {
  return table(
    [...columns, ...heads, 'PSS', 'peak'],
    rows.flatMap(({ name, memory }) =>
      memory === undefined
        ? []
        : [
            [
              ...name,
              ...cells(memory, ({ pss, pssAnonymous, peakRss }) =>
                [pss, pssAnonymous, peakRss].map((bytes) => figure(bytes / 2 ** 20)).join(' / '),
              ),
              ratio(timesLess(memory, ({ pss }) => pss)),
              ratio(timesLess(memory, ({ peakRss }) => peakRss)),
            ],
          ],
    ),
    { textColumns: columns.length - 1 },
  );
}

/** A row of figures that are one of each side, in favour of whoever has less. */
export function lessRow<T>(
  name: string,
  sides: { readonly quorate: T; readonly etcd: T; readonly tuned?: T },
  of: { readonly figure: (side: T) => number; readonly text: (side: T) => string },
): string[] {
  return [name, ...cells(sides, of.text), ratio(timesLess(sides, of.figure))];
}

/** The head of a table of such rows. */
export const lessHead: readonly string[] = ['what', ...heads, 'ratio'];

function present(sides: CallRow['sides']): RowSide[] {
  return contenders.flatMap((contender) => sides[contender] ?? []);
}

function rateRatio(sides: CallRow['sides']): number {
  return timesMore(sides, ({ perSecond }) => perSecond.median);
}

function cpuRatio(sides: CallRow['sides']): number {
  return timesLess(sides, ({ cpuMicros }) => cpuMicros.median);
}
