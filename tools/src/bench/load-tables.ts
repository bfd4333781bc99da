import { figure, ratio, spread, table } from './markdown-table.ts';
import type { GrpcRow } from './results.ts';

/** One row of a load table: its leading columns, which name it, and what was measured. */
export interface NamedRow {
  readonly name: readonly string[];
  readonly sides: GrpcRow['sides'];
}

/** Throughput, and processor time an operation; and the sentence that counts the losses. */
export function throughputTable(columns: readonly string[], rows: readonly NamedRow[]): [string, string] {
  const losses = rows.filter((row) => throughputRatio(row) < 1).length;
  const cpuLosses = rows.filter((row) => cpuRatio(row) < 1).length;
  const measured = table(
    [
      ...columns,
      ...['Quorate /s', 'etcd /s', 'ratio', 'Quorate CPU µs', 'etcd CPU µs', 'ratio', 'generator µs'],
    ],
    rows.map((row) => {
      const { quorate, etcd } = row.sides;
      return [
        ...row.name,
        spread(quorate.perSecond),
        spread(etcd.perSecond),
        ratio(throughputRatio(row)),
        spread(quorate.cpuMicros),
        spread(etcd.cpuMicros),
        ratio(cpuRatio(row)),
        figure(Math.max(quorate.generatorMicros.median, etcd.generatorMicros.median)),
      ];
    }),
    { textColumns: columns.length - 1 },
  );
  const sentence = `etcd has the higher throughput in ${losses} of ${rows.length} rows and needs less CPU in ${cpuLosses}.`;
  return [measured, sentence];
}

/** Median and 99th percentile of the latency. */
export function latencyTable(columns: readonly string[], rows: readonly NamedRow[]): string {
  return table(
    [...columns, ...['Quorate p50 ms', 'etcd p50 ms', 'ratio', 'Quorate p99 ms', 'etcd p99 ms', 'ratio']],
    rows.map(({ name, sides: { quorate, etcd } }) => [
      ...name,
      spread(quorate.p50Ms),
      spread(etcd.p50Ms),
      ratio(etcd.p50Ms.median / quorate.p50Ms.median),
      spread(quorate.p99Ms),
      spread(etcd.p99Ms),
      ratio(etcd.p99Ms.median / quorate.p99Ms.median),
    ]),
    { textColumns: columns.length - 1 },
  );
}

function throughputRatio({ sides }: NamedRow): number {
  return sides.quorate.perSecond.median / sides.etcd.perSecond.median;
}

function cpuRatio({ sides }: NamedRow): number {
  return sides.etcd.cpuMicros.median / sides.quorate.cpuMicros.median;
}
